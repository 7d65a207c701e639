//! Background runs that a worker cannot just execute: those that a dead process left, and those of another version of the
//! program.

use std::time::Duration;

use flow_engine_db::{FlowRun, Lease, LeaseTerm, RunStatus, Takeovers};

use super::Engine;
use super::recovery::Unfinished;
use crate::error::{Error, ErrorKind};
use crate::run::{Run, ended_steps};

/// How often in a row a run is taken over whose processes were killed, or silent, without the end of a step in between. What
/// ends its process would end the next one, and whatever else is executed there.
const MOST_TAKEOVERS: i32 = 15;
/// From which time on such a run is on probation. The first may have been a deployment.
const SUSPICIOUS: i32 = 2;

/// How often a run will have been taken over, if it goes on now; `None` if that stays as it is.
pub(super) fn takeovers(run: &FlowRun, steps: i32) -> Option<Takeovers> {
    let count = match run.status {
        // Its process did not come to say why.
        RunStatus::Running if run.takeover_steps == steps => run.takeovers.saturating_add(1),
        RunStatus::Running => 1,
        // Somebody who has seen why it failed tries it again.
        RunStatus::Failed => 0,
        _ => return None,
    };
    Some(Takeovers { count, steps })
}

impl Engine {
    /// Asks whether a run may be taken over once more. One that was too often without progress may not; one that may be why
    /// its processes ended waits until no other such run is executed here, so that of several only the guilty ones are counted.
    pub(super) async fn admit(&self, lease: Lease, run: &FlowRun) -> Result<Probation, Error> {
        if run.status != RunStatus::Running {
            return Ok(Probation(None));
        }
        let mut count = 1;
        // The journal is long, and nothing depends on it the first time.
        if run.takeovers > 0 {
            let journal = self.services.store.journal(run.id).await?;
            count = takeovers(run, ended_steps(&journal)).map_or(0, |takeovers| takeovers.count);
        }
        if count > MOST_TAKEOVERS {
            let message = format!(
                "it was taken over {MOST_TAKEOVERS} times in a row from processes that were killed or silent, and no step came to its \
                 end meanwhile: it may be what ends them (an abort, too much memory), or a step takes longer than they live; \
                 when that is mended, `engine.resume(run_id)` tries it again"
            );
            return Err(Error::new(ErrorKind::Failed, message));
        }
        tracing::info!(run = %run.id, flow = run.flow_name, takeovers = count, "a background run is taken over from a process that is gone");
        if count < SUSPICIOUS {
            return Ok(Probation(None));
        }
        // Renewed while it waits.
        let _holding = self.services.leases.hold(lease);
        Ok(Probation(self.services.background.probation().await))
    }

    /// Leaves a run to a program that it fits: another version of this one may have queued it.
    pub(super) async fn leave(&self, lease: Lease, error: &Error) {
        let run_id = lease.root_run_id;
        self.services.background.leave(run_id);
        self.release(vec![lease]).await;
        tracing::warn!(
            run = %run_id, error = format!("{error:#}"),
            "a background run does not fit this version of the program, and is left to another one; if there is none, \
             `resume_with` executes it with other inputs, and `delete_run` deletes it"
        );
    }

    /// Gives a lease back, unless that is called off.
    pub(super) fn giving_back(&self, lease: Lease) -> GivenBack<'_> {
        GivenBack {
            engine: self,
            lease: Some(lease),
        }
    }
}

/// Held by a run that may be why its processes ended, until a step of it has come to its end.
#[derive(Debug)]
pub(super) struct Probation(Option<tokio::sync::OwnedSemaphorePermit>);

impl Probation {
    pub(super) fn begin(self, run: &Run) {
        if let Some(permit) = self.0 {
            run.on_probation(permit);
        }
    }
}

/// A queued run may have inputs that this program does not know: it would be executed without them.
pub(super) fn check_queued(unfinished: &Unfinished) -> Result<(), Error> {
    if unfinished.run.status != RunStatus::Pending {
        return Ok(());
    }
    unfinished.registered.check_known(&unfinished.inputs)
}

/// The lease of a run that has not begun: a worker that is dropped meanwhile gives it back.
pub(super) struct GivenBack<'a> {
    engine: &'a Engine,
    lease: Option<Lease>,
}

impl GivenBack<'_> {
    pub(super) fn call_off(&mut self) {
        self.lease = None;
    }
}

impl Drop for GivenBack<'_> {
    fn drop(&mut self) {
        // A run that panics is failed, by who has its lease.
        if let Some(lease) = self.lease.filter(|_| !std::thread::panicking()) {
            let services = &self.engine.services;
            let term = LeaseTerm {
                duration: Duration::ZERO,
                ..services.leases.term()
            };
            // Queued by now; if it fails, the lease ends by itself.
            drop(services.store.renew(vec![lease], term));
        }
    }
}
