//! The writes of a step run's life: start and finish, and what a replay notes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::StepStatus;

/// A step that starts: a new row of `flow_step_runs`. Its run must have been written before it.
///
/// Times are kept to the microsecond. JSON comes as text and is stored as it is. Hashes are
/// lowercase hex.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStep {
    /// A UUID v7.
    pub id: Uuid,
    /// The run it belongs to.
    pub flow_run_id: Uuid,
    /// The name of the step.
    pub step_name: String,
    /// The order of first start in the run, never renumbered.
    pub step_order: i32,
    /// `running`, or `pending`.
    pub status: StepStatus,
    /// The kind of step: `structured`, `task`, ….
    pub kind: String,
    /// The inputs: a JSON document.
    pub inputs: String,
    /// When it started.
    pub created_at: DateTime<Utc>,
    /// What identifies this call in its run's journal.
    pub call_key: Option<String>,
    /// The algorithm that made `call_key` and the hashes.
    pub key_algorithm: Option<String>,
    /// The hash of what the step reads, without the output schema.
    pub content_hash: Option<String>,
    /// The hash of the output schema as sent.
    pub schema_hash: Option<String>,
    /// The hash of the body of a task.
    pub code_hash: Option<String>,
    /// The sub-flow call or branch it started in.
    pub scope: Option<String>,
    /// Why the journal had no recorded completion for it.
    pub miss_reason: Option<String>,
    /// The step run that `miss_reason` compares it with.
    pub compared_with: Option<Uuid>,
    /// The run that recorded this output first, if it was not this one.
    pub origin_run_id: Option<Uuid>,
    /// What identifies this call among all runs, if its output may be taken from the cache.
    pub cache_key: Option<String>,
    /// What returned before this call was made: the `call_key` of a step, the scope of a sub-flow, or `map`.
    pub previous_key: Option<String>,
    /// What its effect is known by in the root run, if it must not repeat by itself. While it is open, whatever
    /// closes it leaves it [`InDoubt`](StepStatus::InDoubt).
    pub once_key: Option<String>,
}

impl NewStep {
    /// The [`kind`](Self::kind) of what the engine records for itself: a time, a choice, what a run waits for.
    pub const ENGINE: &str = "engine";

    /// A step of `flow_run_id` that starts now.
    pub fn new(id: Uuid, flow_run_id: Uuid, step_name: impl Into<String>, step_order: i32) -> Self {
        Self {
            id,
            flow_run_id,
            step_name: step_name.into(),
            step_order,
            status: StepStatus::Running,
            kind: "task".to_owned(),
            inputs: "{}".to_owned(),
            created_at: Utc::now(),
            call_key: None,
            key_algorithm: None,
            content_hash: None,
            schema_hash: None,
            code_hash: None,
            scope: None,
            miss_reason: None,
            compared_with: None,
            origin_run_id: None,
            cache_key: None,
            previous_key: None,
            once_key: None,
        }
    }
}

/// The end of a step run.
///
/// Applying the same finish twice is harmless; finishing a step run that ended with another status,
/// or whose run has ended, is [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, PartialEq)]
pub struct StepFinish {
    /// The step run.
    pub id: Uuid,
    /// How it ended: `completed`, `failed`, `cancelled`, or `in_doubt` for a step with a
    /// [`once_key`](NewStep::once_key).
    pub status: StepStatus,
    /// When it ended.
    pub completed_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub execution_time_ms: Option<i64>,
    /// The output: a JSON document.
    pub outputs: Option<String>,
    /// What the step's kind keeps beside the output: a JSON document.
    pub step_metadata: Option<String>,
    /// Tokens of all its attempts.
    pub tokens_used: i64,
    /// Cost of all its attempts in USD; `None` if the price of one of them is not known.
    pub cost_estimate: Option<f64>,
    /// The attempt that gave the output. It may be written later in the same unit.
    pub llm_request_id: Option<Uuid>,
    /// Why it failed.
    pub error_message: Option<String>,
}

impl StepFinish {
    /// A step run that ends now with this status, and that used no tokens and cost nothing.
    pub fn new(id: Uuid, status: StepStatus) -> Self {
        Self {
            id,
            status,
            completed_at: Utc::now(),
            execution_time_ms: None,
            outputs: None,
            step_metadata: None,
            tokens_used: 0,
            cost_estimate: Some(0.0),
            llm_request_id: None,
            error_message: None,
        }
    }
}

/// What a replay noted when it took a recorded step run, in place of what was noted before.
///
/// It is for a step run of any status; one that is gone is
/// [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HitNote {
    /// The step run.
    pub id: Uuid,
    /// What was noted: `code changed`, ….
    pub note: String,
}

/// Where the call is made that took a recorded step run on a replay, in place of where it was made then: the next replay
/// finds it there.
///
/// A step run that is gone is [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMove {
    /// The step run.
    pub id: Uuid,
    /// Its new [`JournalStep::scope`](crate::JournalStep::scope).
    pub scope: Option<String>,
    /// Its new [`JournalStep::previous_key`](crate::JournalStep::previous_key).
    pub previous_key: Option<String>,
}

/// A step run that leaves the journal of its run, because another one has taken its place: it loses its
/// `call_key`.
///
/// A step run that is gone is [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRetire {
    /// The step run.
    pub id: Uuid,
}
