//! What is told to a run from outside.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Something that is told to a root run from outside, for [`Store::signal`](crate::Store::signal): a new row of `flow_signals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignal {
    /// A UUID v7: of several signals of one name the oldest is taken first.
    pub id: Uuid,
    /// The root run.
    pub root_run_id: Uuid,
    /// What the run waits for by this name.
    pub name: String,
    /// A JSON document.
    pub payload: String,
    /// When it was told.
    pub created_at: DateTime<Utc>,
}

/// A step run takes a signal: nobody else takes it any more.
///
/// Applying it twice is harmless; one that another step run has taken, or that is gone, is
/// [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalTake {
    /// The signal.
    pub id: Uuid,
    /// The step run.
    pub step_run_id: Uuid,
}
