//! The write that stops a run before its end.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Progress, RunStatus};

/// A root run stops before its end, and nobody executes it until somebody takes it again: its lease ends, and its epoch stays.
///
/// The runs below it that are open get its status. Its open step runs, and theirs, become `cancelled`, but for those of the
/// kind [`ENGINE`](crate::NewStep::ENGINE), which say what it waits for; so do its sent requests.
///
/// Applying it twice is harmless; a run that has ended is [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, PartialEq)]
pub struct RunPark {
    /// The root run.
    pub id: Uuid,
    /// Why it stops: `waiting`, `paused` or `in_doubt`.
    pub status: RunStatus,
    /// When it stopped.
    pub at: DateTime<Utc>,
    /// When a waiting run goes on by itself.
    pub wake_at: Option<DateTime<Utc>>,
    /// The names of the signals that a waiting run waits for. If one is there already, it goes on at once.
    pub signals: Vec<String>,
    /// Why, in words.
    pub error_message: Option<String>,
    /// How long it was executed, in milliseconds.
    pub execution_time_ms: Option<i64>,
    /// How far it came and what it used.
    pub progress: Progress,
}

impl RunPark {
    /// A run that stops now.
    pub fn new(id: Uuid, status: RunStatus, progress: Progress) -> Self {
        Self {
            id,
            status,
            at: Utc::now(),
            wake_at: None,
            signals: Vec::new(),
            error_message: None,
            execution_time_ms: None,
            progress,
        }
    }
}
