//! Runs that did not come to their end: what they have recorded is taken, and the rest is executed.

use std::sync::Arc;
use std::time::Duration;

use flow_engine_db::{ExecutionMode, FlowRun, Lease, LeaseTerm, RunReopen, RunStatus};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Engine;
use super::takeover::takeovers;
use crate::call::{AnyCall, Call};
use crate::definition::{Registration, find};
use crate::error::{Error, ErrorKind, chain};
use crate::inputs;
use crate::run::{
    Claim, Done, FlowResult, Run, RunOptions, Tree, as_run, as_untyped_run, check_inputs, in_doubt,
    typed,
};

/// How often is looked whether the lease of another process has ended.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Why a run that has completed is not executed again.
pub(super) const COMPLETED: &str =
    "it has completed; `fork(…).from(step)` executes it again from a step on";

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
    /// process, or its flow is not in this program; [`ErrorKind::InvalidInput`] if the flow takes other inputs by now;
    /// [`ErrorKind::InDoubt`] if nobody knows what became of an effect of it: [`resolve`](Self::resolve) is the way out. Else, what
    /// the run fails with.
    pub fn resume(&self, run_id: Uuid) -> BoxFuture<'static, Result<FlowResult<Value>, Error>> {
        let engine = self.clone();
        async move {
            let run_id = engine.root_of(run_id).await?;
            let claim = Claim::of(run_id)?;
            let unfinished = engine.unfinished(run_id).await?;
            let call = recorded_call(&unfinished)?;
            check_inputs(&*call, run_id)?;
            let run = engine.reopened(claim, &unfinished.run, None).await?;
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
        let run = self.reopened(claim, &unfinished.run, Some(inputs)).await?;
        as_run(run, call).await
    }

    /// The root run of which a run is a part.
    pub(super) async fn root_of(&self, run_id: Uuid) -> Result<Uuid, Error> {
        let run = self.find_run(run_id).await?;
        Ok(run.map_or(run_id, |run| run.root_run_id))
    }

    /// Reads a run that may be resumed.
    pub(super) async fn unfinished(&self, run_id: Uuid) -> Result<Unfinished, Error> {
        let unfinished = self.to_be_planned(run_id).await?;
        match unfinished.run.status {
            RunStatus::InDoubt => self.doubt_about(run_id).await?.map_or(Ok(unfinished), Err),
            _ => Ok(unfinished),
        }
    }

    /// Reads a run that may be resumed, now or when nothing of it is in doubt any more.
    pub(super) async fn to_be_planned(&self, run_id: Uuid) -> Result<Unfinished, Error> {
        let Some(run) = self.find_run(run_id).await? else {
            return Err(not_resumable(run_id, "there is no such run"));
        };
        match run.status {
            RunStatus::Running
            | RunStatus::Waiting
            | RunStatus::Paused
            | RunStatus::InDoubt
            | RunStatus::Interrupted
            | RunStatus::Failed => {}
            // Queued: whoever asks for it executes it now.
            RunStatus::Pending if run.execution_mode == ExecutionMode::Background => {}
            RunStatus::Completed => {
                return Err(not_resumable(run_id, COMPLETED));
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
        found: &FlowRun,
        inputs: Option<String>,
    ) -> Result<Arc<Run>, Error> {
        let lease = self.taken(found.id).await?;
        let run = match self.check_not_failed_since(found).await {
            Ok(()) => self.held(lease, claim, inputs).await,
            Err(error) => Err(error),
        };
        if run.is_err() {
            self.release(vec![lease]).await;
        }
        run
    }

    /// To try a failure again is something else than to go on with what was interrupted. Asked under the lease: another process
    /// may have gone on with the run while its lease was waited for.
    async fn check_not_failed_since(&self, found: &FlowRun) -> Result<(), Error> {
        let now = self.find_run(found.id).await?;
        let fails = |run: &FlowRun| run.status == RunStatus::Failed;
        if now.is_some_and(|now| fails(&now)) && !fails(found) {
            let reason = "it has failed meanwhile, in another process; `resume` tries it again";
            return Err(not_resumable(found.id, reason));
        }
        Ok(())
    }

    /// Gives back the leases of runs that are not executed after all, or no more: what has ended has given back its own.
    pub(super) async fn release(&self, leases: Vec<Lease>) {
        if leases.is_empty() {
            return;
        }
        let term = LeaseTerm {
            duration: Duration::ZERO,
            ..self.services.leases.term()
        };
        if let Err(error) = self.services.store.renew(leases, term).await {
            tracing::warn!(
                error = chain(&error),
                "leases could not be given back; they end by themselves"
            );
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
        if let Some(error) = in_doubt(run.id, tree.doubts()) {
            self.park_in_doubt(lease, &run, &tree, &error).await?;
            return Err(error.in_flow(&run.flow_name, run.id));
        }
        let reopen = RunReopen {
            expected: Some(run.status),
            inputs,
            retire_failed: run.status == RunStatus::Failed,
            takeovers: takeovers(&run, tree.ended_steps()),
            ..RunReopen::new(run.id)
        };
        tree.reopen(reopen);
        tree.claim(claim);
        tree.hold(holding);
        let options = RunOptions {
            id: run.id,
            user_id: run.user_id,
            metadata: run.flow_metadata,
            start_at: run.start_at,
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
            // It may have ended for good since it was read: then nobody takes it any more.
            let run = self.unfinished(run_id).await?.run;
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
