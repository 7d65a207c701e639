//! A root run that is to stop when what it does has come to its end. Nothing new starts in it meanwhile.

use std::future::pending;
use std::sync::OnceLock;
use std::time::Duration;

use flow_engine_db::RunStatus;
use tokio::sync::watch;

use super::Run;
use super::context::Place;
use super::park::Parking;
use super::waits::{Guard, Waits};
use crate::error::{Error, ErrorKind};

/// For how long nothing must be done: what has ended is followed by what the flow does next, which may be its end.
const QUIET: Duration = Duration::from_millis(20);
pub(crate) const PAUSED: &str = "the run was paused";

/// Whether a root run is to be paused.
#[derive(Debug, Default)]
pub(super) struct Pause(OnceLock<watch::Receiver<bool>>);

impl Pause {
    /// Where the execution hears that it is asked to. Nothing takes that back.
    pub(super) fn hears(&self, asked: watch::Receiver<bool>) {
        // An execution has one lease.
        let _ = self.0.set(asked);
    }

    fn is_asked(&self) -> bool {
        self.0.get().is_some_and(|asked| *asked.borrow())
    }

    /// Waits until the run is to be paused, and all that was under way has ended.
    pub(super) async fn is_due(&self, waits: &Waits) -> Parking {
        let Some(asked) = self.0.get() else {
            return pending().await;
        };
        if asked.clone().wait_for(|asked| *asked).await.is_err() {
            // The lease is lost.
            return pending().await;
        }
        waits.rests(QUIET).await;
        Parking {
            status: RunStatus::Paused,
            wake_at: None,
            signals: Vec::new(),
            message: PAUSED.to_owned(),
        }
    }
}

impl Place {
    /// Whether nothing new is to begin here. What a step calls is a part of it: it comes to its end.
    pub(super) fn pauses(&self) -> bool {
        self.run.tree.pause.is_asked() && !self.is_in_step
    }
}

impl Run {
    /// What a call does in place of something new: it gives its work back, and waits until the run has stopped. What the root's
    /// future holds is dropped meanwhile; what was spawned gets the error.
    pub(super) async fn stopped_by_pause(&self, work: &mut Option<Guard>) -> Error {
        drop(work.take());
        self.tree.effects.over().await;
        Error::new(ErrorKind::Paused, PAUSED)
    }
}
