//! [`FlowRun`].

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::record;
use crate::{ExecutionMode, RunStatus};

record! {
    /// A run: one execution of a flow.
    pub struct FlowRun, RunRow in flow_runs {
        /// A UUID v7.
        pub id: Uuid,
        /// The user it runs for.
        pub user_id: Option<Uuid>,
        /// The name of the flow.
        pub flow_name: String,
        /// Where it stands.
        pub status: RunStatus,
        /// Who waits for it.
        pub execution_mode: ExecutionMode,
        /// The name of the step or sub-flow that is executed, of several the one that started last, and of a waiting run what it
        /// waits at; `None` while there is none, and while the run is neither executed nor waits.
        pub current_step: Option<String>,
        /// How many steps are finished.
        pub step_progress: i32,
        /// How many steps it will have, if that is known.
        pub total_steps: Option<i32>,
        /// 0 to 100.
        pub progress_percentage: f64,
        /// When it was asked for.
        pub created_at: DateTime<Utc>,
        /// When it began to run.
        pub started_at: Option<DateTime<Utc>>,
        /// When it ended.
        pub completed_at: Option<DateTime<Utc>>,
        /// When its process last said that it is alive.
        pub last_heartbeat: Option<DateTime<Utc>>,
        /// Tokens of every attempt, sub-runs included.
        pub total_tokens: i64,
        /// Known costs in USD, sub-runs included.
        pub total_cost: f64,
        /// How long it was executed, in milliseconds.
        pub execution_time_ms: Option<i64>,
        /// The inputs.
        pub inputs: Value,
        /// The output.
        pub outputs: Option<Value>,
        /// What the caller wanted kept with the run.
        pub flow_metadata: Option<Value>,
        /// Why it failed.
        pub error_message: Option<String>,
        /// The run this one belongs to; its own id for a root.
        pub root_run_id: Uuid,
        /// The run that called this one.
        pub parent_run_id: Option<Uuid>,
        /// The version of the flow.
        pub flow_version: i32,
        /// The build that started it.
        pub build: Option<String>,
        /// The name the caller gave this run, to find it again instead of starting another.
        pub idempotency_key: Option<String>,
        /// Among queued runs the highest starts first.
        pub priority: i32,
        /// A queued run does not start before this.
        pub start_at: Option<DateTime<Utc>>,
        /// Who executes this root run: the [`owner`](crate::LeaseTerm::owner) of its lease, as text.
        pub lease_owner: Option<String>,
        /// How often its lease was taken: the [`epoch`](crate::Lease::epoch) of the last one. 0 for a sub-run, and
        /// for a run that was queued and not taken yet.
        pub lease_epoch: i64,
        /// Until when the owner has it, unless it renews the lease.
        pub lease_until: Option<DateTime<Utc>>,
        /// Attempts whose cost is not known, and not in `total_cost`.
        pub unpriced_requests: i64,
        /// Where below its root it was called; `None` for a root.
        pub scope: Option<String>,
        /// When a waiting run goes on by itself, or went on at the latest; `None` if it waits for a signal only.
        pub wake_at: Option<DateTime<Utc>>,
        /// How often this root run was taken over from a process that was gone, without the end of a step in between.
        pub takeovers: i32,
        /// How many steps of it and below it had ended when that was counted the last time.
        pub takeover_steps: i32,
    }
}

impl FlowRun {
    /// Whether no other run called this one.
    pub fn is_root(&self) -> bool {
        self.id == self.root_run_id
    }
}
