//! The writes of a run's life: start, progress, finish, and starting again.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{ExecutionMode, LeaseTerm, RunStatus};

/// A run that starts, or is queued: a new row of `flow_runs`.
///
/// Times are kept to the microsecond. JSON comes as text and is stored as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// A UUID v7: its order is the order of the lists.
    pub id: Uuid,
    /// The user it runs for.
    pub user_id: Option<Uuid>,
    /// The name of the flow.
    pub flow_name: String,
    /// `running`, or `pending` when it is queued.
    pub status: RunStatus,
    /// Who waits for it.
    pub execution_mode: ExecutionMode,
    /// How many steps it will have, if that is known.
    pub total_steps: Option<i32>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it began to run.
    pub started_at: Option<DateTime<Utc>>,
    /// The inputs: a JSON document.
    pub inputs: String,
    /// What the caller wants kept with the run: a JSON document.
    pub flow_metadata: Option<String>,
    /// The run this one belongs to; its own id for a root.
    pub root_run_id: Uuid,
    /// The run that called this one.
    pub parent_run_id: Option<Uuid>,
    /// The version of the flow.
    pub flow_version: i32,
    /// The build that started it.
    pub build: Option<String>,
    /// The name the caller gave this run, to find it again instead of starting another: of a flow's runs one has it. Another
    /// is refused by [`KeyTaken`](crate::StoreError::KeyTaken).
    pub idempotency_key: Option<String>,
    /// Among queued runs the highest starts first.
    pub priority: i32,
    /// A queued run does not start before this.
    pub start_at: Option<DateTime<Utc>>,
    /// Where below its root it was called; `None` for a root.
    pub scope: Option<String>,
    /// The lease under which this root run is executed from now on, its [first](crate::Lease::first) one. None
    /// for a run that is queued until somebody takes it, and for a sub-run.
    pub lease: Option<LeaseTerm>,
}

impl NewRun {
    /// A root run that starts now, with the defaults of the table and nobody who executes it.
    pub fn new(id: Uuid, flow_name: impl Into<String>, inputs: impl Into<String>) -> Self {
        let now = Utc::now();
        Self {
            id,
            user_id: None,
            flow_name: flow_name.into(),
            status: RunStatus::Running,
            execution_mode: ExecutionMode::Sync,
            total_steps: None,
            created_at: now,
            started_at: Some(now),
            inputs: inputs.into(),
            flow_metadata: None,
            root_run_id: id,
            parent_run_id: None,
            flow_version: 1,
            build: None,
            idempotency_key: None,
            priority: 0,
            start_at: None,
            scope: None,
            lease: None,
        }
    }
}

/// How far a run is and what it has used: absolute values, so that writing them twice is harmless.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The name of the step or sub-flow that is executed, of several the one that started last.
    pub current_step: Option<String>,
    /// How many steps are finished.
    pub step_progress: i32,
    /// 0 to 100.
    pub progress_percentage: f64,
    /// Tokens of every attempt so far, sub-runs included.
    pub total_tokens: i64,
    /// Known costs so far in USD, sub-runs included.
    pub total_cost: f64,
    /// Attempts whose cost is not known, and not in `total_cost`.
    pub unpriced_requests: i64,
}

/// A sign of life of a run, with its progress.
#[derive(Debug, Clone, PartialEq)]
pub struct RunProgress {
    /// The run.
    pub id: Uuid,
    /// How far it is.
    pub progress: Progress,
    /// When this was true.
    pub last_heartbeat: DateTime<Utc>,
}

/// The end of a run. What is still open below it is closed in the same transaction:
///
/// - its pending and running step runs become `cancelled`, those with a [`once_key`](crate::NewStep::once_key)
///   `in_doubt`; its sent requests become `cancelled`;
/// - the same holds for every run below it: those it called, those they called, and so on. Those that
///   are open become `interrupted` if this run was interrupted, else `cancelled`.
///
/// The lease of a root run ends, too: everybody may take it. Its epoch stays, so that its last holder can still write.
///
/// Applying the same finish twice is harmless; finishing a run that ended with another status is
/// [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, PartialEq)]
pub struct RunFinish {
    /// The run.
    pub id: Uuid,
    /// How it ended: `completed`, `failed`, `cancelled` or `interrupted`.
    pub status: RunStatus,
    /// When it ended.
    pub completed_at: DateTime<Utc>,
    /// How long it was executed, in milliseconds.
    pub execution_time_ms: Option<i64>,
    /// The output: a JSON document.
    pub outputs: Option<String>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// How far it came and what it used.
    pub progress: Progress,
}

impl RunFinish {
    /// A run that ends now with this status and used what `progress` says.
    pub fn new(id: Uuid, status: RunStatus, progress: Progress) -> Self {
        Self {
            id,
            status,
            completed_at: Utc::now(),
            execution_time_ms: None,
            outputs: None,
            error_message: None,
            progress,
        }
    }
}

/// A run that ended, whatever its status, or that a killed process left behind, runs again, under a lease that was
/// [taken](crate::Store::acquire) for that.
///
/// What is still open below it is closed first, as a [`RunFinish`] with
/// [`Interrupted`](RunStatus::Interrupted) closes it, at the time of the commit. Then the run becomes
/// `running`, without an end, an output, an error or a current step; what it used so far stays. The runs below it
/// that have ended stay ended: each is opened again by a write of its own.
///
/// Applying it twice is harmless, as long as the run has started nothing in between: that would be
/// closed. A run that is gone is [`NotOpen`](crate::StoreError::NotOpen).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReopen {
    /// The run.
    pub id: Uuid,
    /// The status in which it was read: if it has another one by now, somebody else has it, and nothing is
    /// written. None takes it as it is.
    ///
    /// A unit that opens a root run so is the first under its lease, and is written once: a second time, it is done already.
    pub expected: Option<RunStatus>,
    /// Other inputs than those it has: a JSON document.
    pub inputs: Option<String>,
    /// Whether the failed step runs of this run, and of all runs below it, leave the journal: they
    /// lose their `call_key`, so that the calls are executed again. Those with a
    /// [`once_key`](crate::NewStep::once_key) stay.
    pub retire_failed: bool,
    /// How often it has been taken over by now. None leaves what is there.
    pub takeovers: Option<Takeovers>,
}

/// How often a root run was taken over from a process that was gone, without progress: what ends its process each time must
/// not be tried for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Takeovers {
    /// How often in a row, this time included.
    pub count: i32,
    /// How many steps of the run, and of all runs below it, have ended by now. If it is the same at the next taking, there
    /// was no progress.
    pub steps: i32,
}

impl RunReopen {
    /// A run that goes on with its inputs and its whole journal.
    pub fn new(id: Uuid) -> Self {
        Self {
            id,
            expected: None,
            inputs: None,
            retire_failed: false,
            takeovers: None,
        }
    }
}
