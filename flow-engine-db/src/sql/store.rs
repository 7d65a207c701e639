//! [`SqlStore`]: the [`Store`] of a database.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    Connection, Fault, ReadConnection, Readers, apply, artifacts, lease, prune, query, storable,
    writer::{Job, Passed, Writer},
};
use crate::{
    BackgroundFilter, BoxFuture, Commit, FlowRun, FlowStepRun, Journal, JournalStep, Lease,
    LeaseTerm, LlmRequest, PruneFilter, RunFilter, RunFork, Store, StoreError, Write,
    commit::log_unseen,
    record::{JournalRow, RequestRow, RunRow, StepRow},
    unit::Unit,
};

/// The store of a database: connections that read, and writers of which each has its share of the root runs.
#[derive(Debug)]
pub(crate) struct SqlStore {
    location: String,
    readers: Readers,
    writers: Arc<Vec<Writer>>,
}

impl SqlStore {
    pub(crate) fn new(location: String, readers: Readers, writers: Vec<Writer>) -> Self {
        Self {
            location,
            readers,
            writers: Arc::new(writers),
        }
    }

    /// The writer of a root run: always the same, so that what is submitted for it keeps its order.
    fn writer(&self, root_run_id: Uuid) -> &Writer {
        // The end of an id is random.
        let share = root_run_id.as_u128() % self.writers.len() as u128;
        &self.writers[usize::try_from(share).unwrap_or(0)]
    }

    /// Reads rows and makes records of them.
    fn read<Rows: Send + 'static, T>(
        &self,
        action: &'static str,
        read: impl FnMut(&mut ReadConnection) -> QueryResult<Rows> + Send + 'static,
        into_record: impl FnOnce(Rows) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let rows = self.readers.read(action, read);
        Box::pin(async move { into_record(rows.await?) })
    }

    /// Writes in a transaction of its own, behind everything submitted before to that writer and, if `others` says so, to
    /// them: queued when this returns.
    fn write<T: Send + 'static>(
        writer: &Writer,
        others: Option<Commit>,
        action: &'static str,
        mut body: impl FnMut(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (acknowledge, written) = oneshot::channel();
        let job = Job::Alone(Box::new(move |session, waited| {
            if let Some(passed) = others {
                // It fails if they are closed: nothing of them is left to wait for.
                drop(passed.wait());
            }
            let outcome = session.transaction(waited, |connection| {
                body(connection).map_err(|source| Fault::Database { action, source })
            });
            if let Err(unseen) = acknowledge.send(outcome.map_err(StoreError::from)) {
                log_unseen(unseen);
            }
        }));
        let sent = writer.send(job);
        Box::pin(async move {
            sent.map_err(|_refused| StoreError::Closed)?;
            // The writer drops its end only when it panics.
            written.await.unwrap_or(Err(StoreError::WriterFailed))
        })
    }

    /// The same, for what is of no root run or of one that is not known: behind everything submitted before to any writer.
    fn write_behind_all<T: Send + 'static>(
        &self,
        action: &'static str,
        body: impl FnMut(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        // Only the first writer ever waits for the others, so they cannot wait for each other.
        let (first, others) = (&self.writers[0], &self.writers[1..]);
        Self::write(first, Some(Self::barrier_in(others)), action, body)
    }

    fn barrier_in(writers: &[Writer]) -> Commit {
        let (acknowledge, commit) = Commit::pending();
        let passed = Passed::new(acknowledge);
        for writer in writers {
            if writer.send(Job::Barrier(Arc::clone(&passed))).is_err() {
                return Commit::ready(Err(StoreError::Closed));
            }
        }
        commit
    }
}

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
        self.read("read a journal", read, |(runs, steps, requests)| {
            Ok(Journal {
                runs: all(RunRow::into_record)(runs)?,
                steps: all(JournalRow::into_record)(steps)?,
                open_requests: all(RequestRow::into_record)(requests)?,
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
