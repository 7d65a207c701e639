//! What a person decides of a step run whose outcome is not known.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::StepStatus;

/// The end of the doubt about a step run with a [`once_key`](crate::NewStep::once_key). It becomes
///
/// - `completed` with an output, as if it had returned that;
/// - `failed`: its call is answered with the failure, also when a failed run is resumed;
/// - `cancelled`: it leaves the journal, so that its call is executed again. This is also possible for one that is
///   `failed`.
///
/// When the last doubt of a root run is gone that stands `in_doubt`, it becomes `interrupted`. The lease of the root, which
/// was taken for this, is given back.
///
/// Applying it twice is harmless; what is not in doubt, because somebody else has decided, is
/// [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, PartialEq)]
pub struct StepResolve {
    /// The step run.
    pub id: Uuid,
    /// Its root run.
    pub root_run_id: Uuid,
    /// `completed`, `failed` or `cancelled`.
    pub status: StepStatus,
    /// When this was decided. It counts as the end of the step: whatever returned before did so without it.
    pub completed_at: DateTime<Utc>,
    /// The output: a JSON document.
    pub outputs: Option<String>,
    /// What is kept beside the output, in place of what was kept before: a JSON document.
    pub step_metadata: Option<String>,
    /// Why it counts as failed, or what was known of it while it was in doubt.
    pub error_message: Option<String>,
}
