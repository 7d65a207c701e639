//! What a [`Store`] is asked for, as statements.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::{
    ReadConnection, apply, artifacts, control, lease, prune, query, schedules, signals, standing,
    storable,
    writer::{Job, Writer},
};
use super::SqlStore;
use crate::{
    BackgroundFilter, BoxFuture, Commit, FlowRun, FlowStepRun, FoundRun, Journal, JournalStep,
    Lease, LeaseTerm, LlmRequest, NewSignal, NewestLease, Outline, PruneFilter, RunFilter, RunFork,
    RunStatus, ScheduleAdvance, Schedules, Signal, Standing, Standings, Store, StoreError, Write,
    record::{JournalRow, OutlineRunRow, OutlineStepRow, RequestRow, RunRow, SignalRow, StepRow},
    unit::Unit,
};

fn all<Row, Record>(
    into_record: impl FnMut(Row) -> Result<Record, StoreError>,
) -> impl FnOnce(Vec<Row>) -> Result<Vec<Record>, StoreError> {
    |rows| rows.into_iter().map(into_record).collect()
}

fn one<Row, Record>(
    into_record: impl FnOnce(Row) -> Result<Record, StoreError>,
) -> impl FnOnce(Option<Row>) -> Result<Option<Record>, StoreError> {
    |row| row.map(into_record).transpose()
}

/// The status of a run, as it was read.
fn status_of(run_id: Uuid, status: Option<String>) -> Result<Option<RunStatus>, StoreError> {
    status
        .map(|status| status_from(run_id, &status))
        .transpose()
}

fn status_from(run_id: Uuid, status: &str) -> Result<RunStatus, StoreError> {
    let status = status.parse();
    status.map_err(|source: crate::UnknownText| StoreError::Unreadable {
        table: "flow_runs",
        column: "status",
        id: run_id,
        source: source.into(),
    })
}

/// How a run was found, as it was read.
fn found_run(run_id: Uuid, found: Option<(String, bool)>) -> Result<Option<FoundRun>, StoreError> {
    let (status, is_held) = found.unzip();
    let status = status_of(run_id, status)?;
    Ok(status
        .zip(is_held)
        .map(|(status, is_held)| FoundRun { status, is_held }))
}

impl Store for SqlStore {
    fn submit(&self, lease: Lease, writes: Vec<Write>) -> Commit {
        let (acknowledge, commit) = Commit::pending();
        let unit = Unit {
            lease,
            writes: storable(writes),
        };
        let queue = self.writer(lease.root_run_id);
        match queue.send(Job::Unit { unit, acknowledge }) {
            Ok(()) => commit,
            Err(_refused) => Commit::ready(Err(StoreError::Closed)),
        }
    }

    fn barrier(&self) -> Commit {
        Self::barrier_in(&self.writers)
    }

    fn acquire(
        &self,
        run_id: Uuid,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Option<Lease>, StoreError>> {
        let action = "take the lease of a flow run";
        Self::write(self.writer(run_id), None, action, move |connection| {
            lease::acquire(connection, run_id, term)
        })
    }

    fn acquire_background(
        &self,
        wanted: BackgroundFilter,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>> {
        self.write_behind_all("take the leases of background runs", move |connection| {
            lease::acquire_background(connection, &wanted, term)
        })
    }

    fn renew(
        &self,
        leases: Vec<Lease>,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>> {
        self.write_behind_all("renew the leases of flow runs", move |connection| {
            lease::renew(connection, &leases, term)
        })
    }

    fn cancel(
        &self,
        root_run_id: Uuid,
        message: String,
    ) -> BoxFuture<'_, Result<Option<RunStatus>, StoreError>> {
        let writer = self.writer(root_run_id);
        let status = Self::write(writer, None, "cancel a flow run", move |connection| {
            control::cancel(connection, root_run_id, &message)
        });
        Box::pin(async move { status_of(root_run_id, status.await?) })
    }

    fn retry(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Option<FoundRun>, StoreError>> {
        let writer = self.writer(root_run_id);
        let found = Self::write(writer, None, "retry a flow run", move |connection| {
            control::retry(connection, root_run_id)
        });
        Box::pin(async move { found_run(root_run_id, found.await?) })
    }

    fn pause(
        &self,
        root_run_id: Uuid,
        message: String,
    ) -> BoxFuture<'_, Result<Option<FoundRun>, StoreError>> {
        let writer = self.writer(root_run_id);
        let found = Self::write(writer, None, "pause a flow run", move |connection| {
            control::pause(connection, root_run_id, &message)
        });
        Box::pin(async move { found_run(root_run_id, found.await?) })
    }

    fn newest_leases(
        &self,
        root_run_ids: Vec<Uuid>,
    ) -> BoxFuture<'_, Result<Vec<NewestLease>, StoreError>> {
        let read = move |connection: &mut ReadConnection| {
            control::newest_leases(connection, &root_run_ids)
        };
        self.read("read the leases of flow runs", read, Ok)
    }

    fn standings(&self, run_ids: Vec<Uuid>) -> BoxFuture<'_, Result<Standings, StoreError>> {
        let read = move |connection: &mut ReadConnection| standing::of_runs(connection, &run_ids);
        self.read("read where flow runs stand", read, |(rows, now)| {
            let standing = |(id, status, wake_at, lease_until): standing::Row| {
                Ok::<_, StoreError>(Standing {
                    run_id: id.0,
                    status: status_from(id.0, &status)?,
                    wake_at: wake_at.map(|at| at.0),
                    lease_until: lease_until.map(|until| until.0),
                })
            };
            let runs = rows.into_iter().map(standing).collect::<Result<_, _>>()?;
            Ok(Standings { now, runs })
        })
    }

    fn outline(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Outline, StoreError>> {
        let read = move |connection: &mut ReadConnection| query::outline(connection, root_run_id);
        self.read("read the outline of a flow run", read, |(runs, steps)| {
            Ok(Outline {
                runs: all(OutlineRunRow::into_record)(runs)?,
                steps: all(OutlineStepRow::into_record)(steps)?,
            })
        })
    }

    fn signal(&self, signal: NewSignal) -> BoxFuture<'_, Result<Option<RunStatus>, StoreError>> {
        let (writer, root_run_id) = (self.writer(signal.root_run_id), signal.root_run_id);
        let status = Self::write(writer, None, "signal a flow run", move |connection| {
            signals::tell(connection, &signal)
        });
        Box::pin(async move { status_of(root_run_id, status.await?) })
    }

    fn signals(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Vec<Signal>, StoreError>> {
        let read = move |connection: &mut ReadConnection| signals::of_run(connection, root_run_id);
        self.read("read signals", read, all(SignalRow::into_record))
    }

    fn signalled(&self, root_run_ids: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Uuid>, StoreError>> {
        let read =
            move |connection: &mut ReadConnection| signals::signalled(connection, &root_run_ids);
        self.read("look for signals", read, |found| {
            Ok(found.into_iter().map(|id| id.0).collect())
        })
    }

    fn now(&self) -> BoxFuture<'_, Result<DateTime<Utc>, StoreError>> {
        self.read("read the clock", lease::now, Ok)
    }

    fn run(&self, id: Uuid) -> BoxFuture<'_, Result<Option<FlowRun>, StoreError>> {
        let read = move |connection: &mut ReadConnection| query::run(connection, id);
        self.read("read a flow run", read, one(RunRow::into_record))
    }

    fn runs(&self, filter: RunFilter) -> BoxFuture<'_, Result<Vec<FlowRun>, StoreError>> {
        let read = move |connection: &mut ReadConnection| query::runs(connection, &filter);
        self.read("list flow runs", read, all(RunRow::into_record))
    }

    fn steps(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<FlowStepRun>, StoreError>> {
        let read = move |connection: &mut ReadConnection| query::steps(connection, run_id);
        self.read("read step runs", read, all(StepRow::into_record))
    }

    fn requests(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<LlmRequest>, StoreError>> {
        let read = move |connection: &mut ReadConnection| query::requests(connection, run_id);
        self.read("read llm requests", read, all(RequestRow::into_record))
    }

    fn request(&self, id: Uuid) -> BoxFuture<'_, Result<Option<LlmRequest>, StoreError>> {
        let read = move |connection: &mut ReadConnection| query::request(connection, id);
        self.read("read an llm request", read, one(RequestRow::into_record))
    }

    fn journal(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Journal, StoreError>> {
        let read = move |connection: &mut ReadConnection| query::journal(connection, root_run_id);
        self.read("read a journal", read, |(runs, steps, requests, paid)| {
            Ok(Journal {
                runs: all(RunRow::into_record)(runs)?,
                steps: all(JournalRow::into_record)(steps)?,
                open_requests: all(RequestRow::into_record)(requests)?,
                paid,
            })
        })
    }

    fn cached_step(
        &self,
        cache_key: &str,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<JournalStep>, StoreError>> {
        let key = cache_key.to_owned();
        let read =
            move |connection: &mut ReadConnection| query::cached_step(connection, &key, since);
        self.read(
            "look up a shared result",
            read,
            one(JournalRow::into_record),
        )
    }

    fn fork(&self, run_id: Uuid) -> BoxFuture<'_, Result<Option<RunFork>, StoreError>> {
        let read = move |connection: &mut ReadConnection| query::fork(connection, run_id);
        self.read("read a fork", read, Ok)
    }

    fn schedules(&self, flow_names: Vec<String>) -> BoxFuture<'_, Result<Schedules, StoreError>> {
        let read =
            move |connection: &mut ReadConnection| schedules::of_flows(connection, &flow_names);
        self.read("read schedules", read, Ok)
    }

    fn begin_schedule(
        &self,
        flow_name: &str,
        at: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let flow_name = flow_name.to_owned();
        let action = "begin a schedule";
        Self::write(&self.writers[0], None, action, move |connection| {
            schedules::begin(connection, &flow_name, at)
        })
    }

    fn advance_schedule(
        &self,
        advance: ScheduleAdvance,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        // Nothing was submitted of the runs before: any writer will do.
        let action = "queue the runs of a schedule";
        Self::write(&self.writers[0], None, action, move |connection| {
            schedules::advance(connection, &advance)
        })
    }

    fn delete_run(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.write_behind_all("delete a flow run", move |connection| {
            apply::delete_run(connection, id)
        })
    }

    fn prune(&self, filter: PruneFilter) -> BoxFuture<'_, Result<usize, StoreError>> {
        if let Some(status) = filter.open_status() {
            return Box::pin(async move { Err(StoreError::NotEnded { status }) });
        }
        self.write_behind_all("prune flow runs", move |connection| {
            prune::prune(connection, &filter)
        })
    }

    fn free_artifacts(
        &self,
        after: &str,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let after = after.to_owned();
        self.write_behind_all("find free artifacts", move |connection| {
            artifacts::free(connection, &after, limit)
        })
    }

    fn forget_artifacts(&self, artifacts: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write_behind_all("forget artifacts", move |connection| {
            prune::forget_artifacts(connection, &artifacts)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.writers.iter().for_each(Writer::stop);
        let writers = Arc::clone(&self.writers);
        Box::pin(async move {
            let joined =
                tokio::task::spawn_blocking(move || writers.iter().for_each(Writer::join)).await;
            if let Err(error) = joined {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "closing the database broke off"
                );
            }
        })
    }

    fn location(&self) -> &str {
        &self.location
    }
}
