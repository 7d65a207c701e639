//! A background run from the moment at which its lease was taken.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use flow_engine_db::{Lease, Progress, RunFinish, RunStatus};
use futures::FutureExt as _;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Engine;
use super::recovery::recorded_call;
use super::takeover::check_queued;
use crate::call::AnyCall;
use crate::error::{Error, ErrorKind, chain};
use crate::run::{Claim, Run, as_untyped_run, check_inputs, panicked};

/// How long a run is claimed by who does not execute it, at most.
const LONGEST_CLAIM: Duration = Duration::from_secs(2);
/// How often is looked whether a claim was given back.
const PAUSE: Duration = Duration::from_millis(10);

impl Engine {
    /// Executes a run whose lease was taken, and says whether it has come to an end: how is in its row.
    pub(super) async fn execute_queued(self, lease: Lease, claim: Option<Claim>) -> bool {
        let has_ended = self.execute_taken(lease, claim).await;
        self.services.watched.ring(lease.root_run_id);
        has_ended
    }

    async fn execute_taken(&self, lease: Lease, claim: Option<Claim>) -> bool {
        let run_id = lease.root_run_id;
        // Of a worker, which is waited for: a spawned run is dropped with its runtime.
        let _executes = claim.is_none().then(|| self.services.background.executes());
        let begun = AssertUnwindSafe(self.begin_queued(lease, claim)).catch_unwind();
        let begun = begun.await;
        match begun.unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok(Ok(())) => true,
            Ok(Err(error)) if error.kind() == ErrorKind::Waiting => false,
            Ok(Err(error)) | Err(error) if error.kind() == ErrorKind::LeaseLost => {
                tracing::info!(run = %run_id, "a background run goes on in another process, which has taken it over");
                false
            }
            // As somebody has asked for.
            Ok(Err(error)) if error.kind() == ErrorKind::Cancelled => {
                tracing::info!(run = %run_id, "a background run was cancelled");
                true
            }
            Ok(Err(error)) if error.kind() == ErrorKind::Paused => {
                tracing::info!(run = %run_id, "a background run is paused");
                false
            }
            Ok(Err(error)) if error.kind() == ErrorKind::InDoubt => {
                tracing::warn!(run = %run_id, error = format!("{error:#}"), "a background run has stopped");
                false
            }
            Ok(Err(error)) => {
                tracing::warn!(run = %run_id, error = format!("{error:#}"), "a background run failed");
                true
            }
            Err(error) => self.give_up(lease, &error).await,
        }
    }

    /// The outer error is that it could not begin.
    async fn begin_queued(
        &self,
        lease: Lease,
        claim: Option<Claim>,
    ) -> Result<Result<(), Error>, Error> {
        let run_id = lease.root_run_id;
        let claim = match claim {
            Some(claim) => claim,
            None => claimed(run_id).await?,
        };
        let mut back = self.giving_back(lease);
        let begun = self.begin(lease, claim).await;
        back.call_off();
        let (run, call) = begun?;
        Ok(as_untyped_run(run, call).await.map(drop))
    }

    /// The run under its lease, and its call.
    async fn begin(
        &self,
        lease: Lease,
        claim: Claim,
    ) -> Result<(Arc<Run>, Box<dyn AnyCall>), Error> {
        let unfinished = self.unfinished(lease.root_run_id).await?;
        check_queued(&unfinished)?;
        let call = recorded_call(&unfinished)?;
        check_inputs(&*call, lease.root_run_id)?;
        let probation = self.admit(lease, &unfinished.run).await?;
        let run = self.held(lease, claim, None).await?;
        probation.begin(&run);
        run.leave_memory();
        Ok((run, call))
    }

    /// A run that can never begin is failed, so that no worker tries it again and again. One that does not fit this program is
    /// left to others. Any other one is left to the next, when its lease is over: given back, it would be taken again at once,
    /// and again. True if it is failed.
    async fn give_up(&self, lease: Lease, error: &Error) -> bool {
        let run_id = lease.root_run_id;
        if error.kind() == ErrorKind::InvalidInput {
            self.leave(lease, error).await;
            return false;
        }
        tracing::warn!(run = %run_id, error = format!("{error:#}"), "a background run could not be executed");
        if !matches!(
            error.kind(),
            ErrorKind::Configuration | ErrorKind::Panicked | ErrorKind::Failed
        ) {
            return false;
        }
        let failed = self.fail(lease, error).await;
        if let Err(error) = &failed {
            tracing::error!(run = %run_id, error = chain(error), "the failure of a run could not be recorded");
        }
        failed.is_ok()
    }

    /// What earlier executions came to, and paid, stays.
    async fn fail(&self, lease: Lease, error: &Error) -> Result<(), Error> {
        let run_id = lease.root_run_id;
        let progress = match self.find_run(run_id).await? {
            Some(run) => Progress {
                current_step: None,
                step_progress: run.step_progress,
                progress_percentage: run.progress_percentage,
                total_tokens: run.total_tokens,
                total_cost: run.total_cost,
                unpriced_requests: run.unpriced_requests,
            },
            None => Progress::default(),
        };
        let end = RunFinish {
            error_message: Some(format!("{error:#}")),
            ..RunFinish::new(run_id, RunStatus::Failed, progress)
        };
        self.services.store.submit(lease, vec![end.into()]).await?;
        self.services.announce_row(run_id).await;
        Ok(())
    }
}

/// The right to execute a run whose lease was taken. Another engine of this process may have it for as long as it finds out that it
/// cannot have the lease: given up at once, the run would be nobody's until the lease ends.
async fn claimed(run_id: Uuid) -> Result<Claim, Error> {
    let deadline = Instant::now() + LONGEST_CLAIM;
    loop {
        match Claim::of(run_id) {
            Err(_taken) if Instant::now() < deadline => sleep(PAUSE).await,
            claim => return claim,
        }
    }
}
