//! What the workers of an engine share: how many runs they execute, which runs they leave alone, and who is on probation.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use uuid::Uuid;

use crate::lock::lock;

/// How long the runs of a stopped worker are waited for: one that computes is interrupted when it comes to its next `.await`.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Background {
    counts: watch::Sender<Counts>,
    probation: Arc<Semaphore>,
    unfit: Mutex<HashSet<Uuid>>,
}

#[derive(Debug, Default)]
struct Counts {
    workers: usize,
    runs: usize,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            counts: watch::Sender::default(),
            probation: Arc::new(Semaphore::new(1)),
            unfit: Mutex::default(),
        }
    }
}

/// A worker that works, or a run that one executes, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    background: Arc<Background>,
    of: fn(&mut Counts) -> &mut usize,
}

impl Background {
    /// A worker works until this is dropped. To be dropped after what it executes.
    pub(crate) fn works(self: &Arc<Self>) -> Counted {
        self.count(|counts| &mut counts.workers)
    }

    /// A run is executed until this is dropped. To be dropped after what the run writes at its end.
    pub(crate) fn executes(self: &Arc<Self>) -> Counted {
        self.count(|counts| &mut counts.runs)
    }

    fn count(self: &Arc<Self>, of: fn(&mut Counts) -> &mut usize) -> Counted {
        self.counts.send_modify(|counts| *of(counts) += 1);
        Counted {
            background: Arc::clone(self),
            of,
        }
    }

    /// Waits until what workers executed that are gone has been interrupted: their runs are tasks, which end a moment after the
    /// worker that is dropped. While one works, nothing is waited for.
    pub(crate) async fn is_left(&self) {
        let mut counts = self.counts.subscribe();
        let left = counts.wait_for(|counts| counts.runs == 0 || counts.workers > 0);
        if timeout(PATIENCE, left).await.is_err() {
            tracing::warn!(
                "runs of a stopped worker go on without coming to an `.await`; their leases end by themselves"
            );
        }
    }

    /// Waits until it is the only run on probation here.
    pub(crate) async fn probation(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.probation).acquire_owned().await.ok()
    }

    /// Leaves a run to other programs from now on.
    pub(crate) fn leave(&self, run_id: Uuid) {
        lock(&self.unfit).insert(run_id);
    }

    /// The runs that are left to other programs.
    pub(crate) fn unfit(&self) -> Vec<Uuid> {
        lock(&self.unfit).iter().copied().collect()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.background
            .counts
            .send_modify(|counts| *(self.of)(counts) -= 1);
    }
}
