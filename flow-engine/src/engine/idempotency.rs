//! What becomes of a call whose idempotency key was brought before: it gets the run that has it.

use std::sync::Arc;

use flow_engine_db::{FlowRun, Lease, RunStatus, StepStatus};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::Engine;
use super::recovery::{not_linked, refused};
use crate::call::AnyCall;
use crate::definition::{Definition, find};
use crate::error::{Error, ErrorKind};
use crate::run::{Claim, Done, Services, as_run, check_same_inputs};

/// See [`Again`](crate::run::Again).
pub(super) fn again(
    services: Arc<Services>,
    run_id: Uuid,
    call: Box<dyn AnyCall>,
) -> BoxFuture<'static, Result<Done, Error>> {
    let engine = Engine { services };
    async move { engine.end_of(run_id, call).await }.boxed()
}

impl Engine {
    /// What a run gives: it has given it, is waited for as long as somebody executes it, or is executed here.
    async fn end_of(&self, run_id: Uuid, call: Box<dyn AnyCall>) -> Result<Done, Error> {
        let mut has_waited = false;
        let mut watching = self.watching(run_id);
        loop {
            let Some(run) = self.find_run(run_id).await? else {
                let reason = "it had this idempotency key and was deleted meanwhile; ask again";
                return Err(not_taken(run_id, reason));
            };
            check_same_inputs(&*call, &run)?;
            match run.status {
                RunStatus::Completed => return self.recorded_end(&run, call.definition()).await,
                // By who executed it until now.
                RunStatus::Failed if has_waited => {
                    let message = run.error_message.unwrap_or_default();
                    return Err(Error::new(ErrorKind::Failed, message).of_run(run_id));
                }
                // A worker goes on with it, as soon as it has come for what it waits.
                RunStatus::Waiting => {}
                RunStatus::Pending
                | RunStatus::Running
                | RunStatus::Interrupted
                | RunStatus::Failed => {
                    if let Some((claim, lease)) = self.free(&run).await? {
                        return self.go_on(claim, lease, call).await;
                    }
                }
                // `cancelled`, or what waits for a person.
                status => {
                    let why = run.error_message.map(|why| format!(": {why}"));
                    let reason = format!("it is {status}{}", why.unwrap_or_default());
                    return Err(not_taken(run_id, &reason));
                }
            }
            has_waited = true;
            self.look_again(&mut watching).await?;
        }
    }

    /// The right to execute a run, if nobody has it and the run is still as it was seen.
    pub(super) async fn free(&self, run: &FlowRun) -> Result<Option<(Claim, Lease)>, Error> {
        if find(&run.flow_name).is_none() {
            return Err(not_taken(run.id, &not_linked(&run.flow_name)));
        }
        let Ok(claim) = Claim::of(run.id) else {
            return Ok(None);
        };
        let term = self.services.leases.term();
        let Some(lease) = self.store().await.acquire(run.id, term).await? else {
            return Ok(None);
        };
        let now = self.find_run(run.id).await;
        if let Ok(Some(now)) = &now
            && now.status == run.status
        {
            return Ok(Some((claim, lease)));
        }
        self.release(vec![lease]).await;
        now?;
        Ok(None)
    }

    async fn go_on(
        &self,
        claim: Claim,
        lease: Lease,
        call: Box<dyn AnyCall>,
    ) -> Result<Done, Error> {
        match self.held(lease, claim, None).await {
            Ok(run) => as_run(run, call).await,
            Err(error) => {
                self.release(vec![lease]).await;
                Err(error)
            }
        }
    }

    /// What a completed run gave: of a step used alone, with what that one has recorded.
    pub(super) async fn recorded_end(
        &self,
        run: &FlowRun,
        definition: &'static Definition,
    ) -> Result<Done, Error> {
        if definition.is_flow() {
            return Done::of_recorded(definition, run, None);
        }
        let journal = self.services.store.journal(run.id).await?;
        let mut steps = journal.steps.iter().rev();
        let step = steps.find(|step| {
            step.step_name == definition.name() && step.status == StepStatus::Completed
        });
        Done::of_recorded(definition, run, step)
    }
}

fn not_taken(run_id: Uuid, reason: &str) -> Error {
    refused(run_id, "resumed", reason)
}
