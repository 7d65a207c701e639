//! A root run that stops where it stands, to be taken again: because it waits, was paused, or nobody knows what became of an
//! effect.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use flow_engine_db::{Commit, Progress, RunPark, RunStatus};

use super::Run;
use crate::error::{Error, ErrorKind};

/// Why a root run stops before its end.
#[derive(Debug, Clone)]
pub(crate) struct Parking {
    /// `waiting`, `paused` or `in_doubt`.
    pub(crate) status: RunStatus,
    /// When a waiting run goes on by itself.
    pub(crate) wake_at: Option<DateTime<Utc>>,
    /// The signals that a waiting run waits for.
    pub(crate) signals: Vec<String>,
    /// What the run's row and its caller are told.
    pub(crate) message: String,
}

impl Parking {
    fn error(&self) -> Error {
        let kind = match self.status {
            RunStatus::InDoubt => ErrorKind::InDoubt,
            RunStatus::Paused => ErrorKind::Paused,
            _ => ErrorKind::Waiting,
        };
        Error::new(kind, self.message.clone())
    }
}

impl Run {
    /// The last word on a root run until somebody takes it again: nothing is written of it after this. To be said before what
    /// is below is dropped.
    pub(super) fn parked(&self, parking: &Parking, execution_time_ms: u64) -> (Commit, Error) {
        self.dropping.store(true, Ordering::Release);
        // What it waits for is what it is at; of another parked run, nothing is executed any more.
        let waits = parking.status == RunStatus::Waiting;
        let current_step = self.current_step().filter(|_| waits);
        let (commit, _) = self.finish(false, |progress, _| {
            let progress = Progress {
                current_step,
                ..progress
            };
            let park = RunPark {
                wake_at: parking.wake_at,
                signals: parking.signals.clone(),
                error_message: (!waits).then(|| parking.message.clone()),
                execution_time_ms: i64::try_from(execution_time_ms).ok(),
                ..RunPark::new(self.id, parking.status, progress)
            };
            Some(park.into())
        });
        let error = parking.error().in_flow(self.definition.name(), self.id);
        (commit, error)
    }
}
