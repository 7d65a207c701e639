//! Runs that did not come to their end: what they have recorded is taken, and the rest is executed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use flow_engine_db::{ExecutionMode, FlowRun, Lease, LeaseTerm, RunFilter, RunReopen, RunStatus};
use futures::future::{BoxFuture, try_join_all};
use futures::{FutureExt, StreamExt, stream};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Engine;
use crate::call::{AnyCall, Call};
use crate::definition::{Registration, find};
use crate::error::{Error, ErrorKind};
use crate::inputs;
use crate::run::{
    Claim, Done, FlowResult, Run, RunOptions, Tree, as_run, as_untyped_run, check_inputs, typed,
};

/// How many runs are resumed at a time.
const AT_A_TIME: usize = 32;
/// How many runs are listed at a time.
const PAGE: u32 = 500;
/// How often is looked whether the lease of another process has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// A run that [`Engine::resume_interrupted`] found, and what became of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResumedRun {
    /// The run.
    pub run_id: Uuid,
    /// Its flow, or its step if it is a step used alone.
    pub flow_name: String,
    /// What it gave, or why it failed or could not be resumed.
    pub result: Result<FlowResult<Value>, Error>,
}

/// A run as it is before it goes on.
pub(super) struct Unfinished {
    pub(super) run: FlowRun,
    pub(super) registered: &'static Registration,
    pub(super) inputs: Map<String, Value>,
}

impl Engine {
    /// Goes on with a run that was interrupted, killed with its process, or failed, to its end.
    ///
    /// The flow is found by its name and executed from its beginning with the recorded inputs; each step that is recorded
    /// gives what it gave, and only the rest runs. After an interruption, recorded errors are met again; a *failed* run
    /// keeps its successes and runs its failures again. Code and prompts may have changed: what reads something else runs
    /// again, and [`resume_plan`](Self::resume_plan) says beforehand what that is.
    ///
    /// A process that was killed has its runs for a while ([`EngineBuilder::lease`](super::EngineBuilder::lease)): that is
    /// waited for.
    ///
    /// The id of a sub-flow's run, as an error may name it, stands for the run of which it is a part.
    ///
    /// The output is JSON, since the flow is known by its name only; [`resume_with`](Self::resume_with) gives it typed.
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`] if there is no such run, it has ended for good, it is being executed, here or by another
    /// process, or its flow is not in this program; [`ErrorKind::InvalidInput`] if the flow takes other inputs by now. Else, what the run fails with.
    pub fn resume(&self, run_id: Uuid) -> BoxFuture<'static, Result<FlowResult<Value>, Error>> {
        let engine = self.clone();
        async move {
            let run_id = engine.root_of(run_id).await?;
            let claim = Claim::of(run_id)?;
            let call = recorded_call(&engine.unfinished(run_id).await?)?;
            check_inputs(&*call, run_id)?;
            let run = engine.reopened(claim, run_id, None).await?;
            as_untyped_run(run, call).await
        }
        .boxed()
    }

    /// Goes on with a run as [`resume`](Self::resume) does, with the inputs of this call in place of the recorded ones.
    ///
    /// # Errors
    /// As for [`resume`](Self::resume), and when the call is of another flow.
    pub fn resume_with<C: Call>(
        &self,
        run_id: Uuid,
        call: C,
    ) -> BoxFuture<'static, Result<C::Executed, Error>> {
        let engine = self.clone();
        typed(async move { engine.resumed(run_id, Box::new(call)).await }.boxed())
    }

    async fn resumed(&self, run_id: Uuid, call: Box<dyn AnyCall>) -> Result<Done, Error> {
        let run_id = self.root_of(run_id).await?;
        let claim = Claim::of(run_id)?;
        let unfinished = self.unfinished(run_id).await?;
        let definition = call.definition();
        let (is, wanted) = (unfinished.registered.definition().name(), definition.name());
        if is != wanted {
            return Err(not_resumable(
                run_id,
                &format!("it is of `{is}`, not of `{wanted}`"),
            ));
        }
        let inputs = inputs::text(&definition.redacted(&call.to_inputs()?))?;
        check_inputs(&*call, run_id)?;
        let run = self.reopened(claim, run_id, Some(inputs)).await?;
        as_run(run, call).await
    }

    /// Resumes every run that was interrupted or killed with its process, the oldest first, and waits for their ends. For
    /// the start of a program.
    ///
    /// The runs of another process that is alive are left to it. One that was killed a moment ago looks alive for a while
    /// ([`EngineBuilder::lease`](super::EngineBuilder::lease)): that is waited for. Failed runs are left alone, and queued ones to
    /// [workers](super::Worker).
    ///
    /// # Errors
    /// When the database cannot be read. What became of each run is in the list.
    pub async fn resume_interrupted(&self) -> Result<Vec<ResumedRun>, Error> {
        let found = self.interrupted().await?;
        let resumed = stream::iter(found).map(|run| async move {
            ResumedRun {
                run_id: run.id,
                flow_name: run.flow_name,
                result: self.resume(run.id).await,
            }
        });
        let mut all: Vec<ResumedRun> = resumed.buffer_unordered(AT_A_TIME).collect().await;
        all.sort_by_key(|resumed| resumed.run_id);
        Ok(all)
    }

    /// The runs that [`resume_interrupted`](Self::resume_interrupted) would resume, the oldest first: to resume some of them
    /// only, or to see their [plans](Self::resume_plan) first. As it, this waits for processes that were killed a moment ago.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn interrupted(&self) -> Result<Vec<FlowRun>, Error> {
        let mut found = Vec::new();
        for status in [RunStatus::Interrupted, RunStatus::Running] {
            found.extend(self.all_roots(status).await?);
        }
        found.retain(|run| run.execution_mode == ExecutionMode::Sync && !Claim::is_taken(run.id));
        let now = Utc::now();
        let is_held = |run: &FlowRun| run.lease_until.is_some_and(|until| until > now);
        let (held, mut free): (Vec<_>, Vec<_>) = found.into_iter().partition(is_held);
        free.extend(self.of_the_dead(held).await?);
        free.sort_by_key(|run| run.id);
        Ok(free)
    }

    /// Of runs that are held those whose process is not alive. Each process is waited for once.
    async fn of_the_dead(&self, held: Vec<FlowRun>) -> Result<Vec<FlowRun>, Error> {
        let mut of_owners: BTreeMap<_, Vec<FlowRun>> = BTreeMap::new();
        for run in held {
            let runs = of_owners.entry(run.lease_owner.clone()).or_default();
            runs.push(run);
        }
        let dead = of_owners.into_values().map(|mut runs| async move {
            while let Some(one) = runs.first() {
                match self.is_over(one).await? {
                    Some(true) => break,
                    Some(false) => runs.clear(),
                    None => drop(runs.remove(0)),
                }
            }
            Ok::<_, Error>(runs)
        });
        let dead: Vec<_> = try_join_all(dead).await?;
        Ok(dead.into_iter().flatten().collect())
    }

    /// Waits for the end of a run's lease. False if its process shows meanwhile that it is alive, by renewing it; `None` if the
    /// run is no longer with it, which tells nothing of its others: it has ended, or somebody else has taken or deleted it.
    async fn is_over(&self, run: &FlowRun) -> Result<Option<bool>, Error> {
        while run.lease_until.is_some_and(|until| until > Utc::now()) {
            sleep(PAUSE).await;
            let now = self.find_run(run.id).await?;
            let held = now.filter(|now| now.lease_owner == run.lease_owner);
            match held {
                None => return Ok(None),
                Some(now) if now.lease_until != run.lease_until => return Ok(Some(false)),
                Some(_) => {}
            }
        }
        Ok(Some(true))
    }

    async fn all_roots(&self, status: RunStatus) -> Result<Vec<FlowRun>, Error> {
        let mut all = Vec::new();
        let mut filter = RunFilter {
            status: Some(status),
            roots_only: true,
            limit: PAGE,
            ..RunFilter::default()
        };
        loop {
            let page = self.runs(filter.clone()).await?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            filter.before = Some(last.id);
            all.extend(page);
        }
    }

    /// The root run of which a run is a part.
    pub(super) async fn root_of(&self, run_id: Uuid) -> Result<Uuid, Error> {
        let run = self.find_run(run_id).await?;
        Ok(run.map_or(run_id, |run| run.root_run_id))
    }

    /// Reads a run that may be resumed.
    pub(super) async fn unfinished(&self, run_id: Uuid) -> Result<Unfinished, Error> {
        let Some(run) = self.find_run(run_id).await? else {
            return Err(not_resumable(run_id, "there is no such run"));
        };
        match run.status {
            RunStatus::Running | RunStatus::Interrupted | RunStatus::Failed => {}
            // Queued: whoever asks for it executes it now.
            RunStatus::Pending if run.execution_mode == ExecutionMode::Background => {}
            RunStatus::Completed => {
                let reason =
                    "it has completed; `fork(…).from(step)` executes it again from a step on";
                return Err(not_resumable(run_id, reason));
            }
            other => return Err(not_resumable(run_id, &format!("it is {other}"))),
        }
        let Some(registered) = find(&run.flow_name) else {
            return Err(not_resumable(run_id, &not_linked(&run.flow_name)));
        };
        let inputs = match run.inputs.clone() {
            Value::Object(inputs) => inputs,
            _ => Map::new(),
        };
        Ok(Unfinished {
            run,
            registered,
            inputs,
        })
    }

    /// All that is recorded of a run.
    pub(super) async fn recorded(&self, run: &FlowRun) -> Result<Tree, Error> {
        let recorded = self.store().await.journal(run.id).await?;
        let (shared, variation) = self.shared_with(run.id).await?;
        let replay_failures = run.status != RunStatus::Failed;
        Ok(Tree::resumed(recorded, shared, replay_failures, variation))
    }

    /// The run, ready to go on: its row is opened again when it starts.
    async fn reopened(
        &self,
        claim: Claim,
        run_id: Uuid,
        inputs: Option<String>,
    ) -> Result<Arc<Run>, Error> {
        let lease = self.taken(run_id).await?;
        let run = self.held(lease, claim, inputs).await;
        if run.is_err() {
            self.release(lease).await;
        }
        run
    }

    /// Gives back the lease of a run that is not executed after all.
    async fn release(&self, lease: Lease) {
        let term = LeaseTerm {
            duration: Duration::ZERO,
            ..self.services.leases.term()
        };
        if let Err(error) = self.services.store.renew(vec![lease], term).await {
            tracing::warn!(run = %lease.root_run_id, %error, "a lease could not be given back; it ends by itself");
        }
    }

    /// The run under its lease, ready to go on.
    pub(super) async fn held(
        &self,
        lease: Lease,
        claim: Claim,
        inputs: Option<String>,
    ) -> Result<Arc<Run>, Error> {
        let holding = self.services.leases.hold(lease);
        // Read under the lease: whoever had it before may have written until then.
        let Unfinished {
            run, registered, ..
        } = self.unfinished(lease.root_run_id).await?;
        let mut tree = self.recorded(&run).await?;
        let reopen = RunReopen {
            expected: Some(run.status),
            inputs,
            retire_failed: run.status == RunStatus::Failed,
            ..RunReopen::new(run.id)
        };
        tree.reopen(reopen);
        tree.claim(claim);
        tree.hold(holding);
        let options = RunOptions {
            id: run.id,
            user_id: run.user_id,
            metadata: run.flow_metadata,
            tree,
        };
        let services = Arc::clone(&self.services);
        Ok(Arc::new(Run::root(
            services,
            registered.definition(),
            options,
        )))
    }

    /// Takes the lease of a run. One that another process holds is waited for, as long as that process does not say that it
    /// is alive: it may have been killed a moment ago.
    async fn taken(&self, run_id: Uuid) -> Result<Lease, Error> {
        let (store, term) = (self.store().await, self.services.leases.term());
        let deadline = Instant::now().checked_add(term.duration);
        let mut seen = None;
        loop {
            let last = deadline.is_some_and(|deadline| Instant::now() > deadline);
            if let Some(lease) = store.acquire(run_id, term).await? {
                return Ok(lease);
            }
            let Some(run) = store.run(run_id).await? else {
                return Err(not_resumable(run_id, "there is no such run"));
            };
            if let Some(until) = run.lease_until {
                let renewed = *seen.get_or_insert(until) != until;
                if renewed || last {
                    let reason = format!(
                        "it is being executed by another process; its lease ends at {until}"
                    );
                    return Err(not_resumable(run_id, &reason));
                }
            }
            sleep(PAUSE.min(term.duration)).await;
        }
    }
}

/// The call of a run, made of its recorded inputs.
pub(super) fn recorded_call(unfinished: &Unfinished) -> Result<Box<dyn AnyCall>, Error> {
    let Unfinished {
        run,
        registered,
        inputs,
        ..
    } = unfinished;
    registered.recorded_call(inputs.clone()).map_err(|error| {
        let reason = format!(
            "`{}` takes other inputs than were recorded ({error:#}); give them with `resume_with`",
            registered.definition().name()
        );
        Error::new(
            ErrorKind::InvalidInput,
            format!("the run {} cannot be resumed: {reason}", run.id),
        )
    })
}

fn not_resumable(run_id: Uuid, reason: &str) -> Error {
    refused(run_id, "resumed", reason)
}

/// `done`: what cannot be done with the run.
pub(super) fn refused(run_id: Uuid, done: &str, reason: &str) -> Error {
    let message = format!("the run {run_id} cannot be {done}: {reason}");
    Error::new(ErrorKind::NotResumable, message)
}

pub(super) fn not_linked(flow: &str) -> String {
    format!(
        "this program has no flow or step `{flow}`; link the crate that has it, or if it was renamed, give it its recorded \
         name: `#[flow(name = \"{flow}\")]`"
    )
}
