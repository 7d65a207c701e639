//! [`FlowStepRun`].

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::record;
use crate::StepStatus;

record! {
    /// A step run: one step inside a run. Hashes are lowercase hex.
    pub struct FlowStepRun, StepRow in flow_step_runs {
        /// A UUID v7.
        pub id: Uuid,
        /// The run it belongs to.
        pub flow_run_id: Uuid,
        /// The attempt that gave the output.
        pub llm_request_id: Option<Uuid>,
        /// The name of the step.
        pub step_name: String,
        /// The order of first start in the run.
        pub step_order: i32,
        /// Where it stands.
        pub status: StepStatus,
        /// The inputs.
        pub inputs: Value,
        /// The output.
        pub outputs: Option<Value>,
        /// What the step's kind keeps beside the output.
        pub step_metadata: Option<Value>,
        /// Tokens of all its attempts.
        pub tokens_used: i64,
        /// Cost of all its attempts in USD; `None` if the price of one of them is not known. 0
        /// until it is finished.
        pub cost_estimate: Option<f64>,
        /// How long it took, in milliseconds.
        pub execution_time_ms: Option<i64>,
        /// Why it failed.
        pub error_message: Option<String>,
        /// When it started.
        pub created_at: DateTime<Utc>,
        /// When it ended.
        pub completed_at: Option<DateTime<Utc>>,
        /// The kind of step: `structured`, `task`, ….
        pub kind: String,
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
        /// What a replay noted when it took this recorded completion: `code changed`, ….
        pub hit_note: Option<String>,
        /// The step run that `miss_reason` compares it with. It may have been deleted.
        pub compared_with: Option<Uuid>,
        /// The run that recorded this output first, if it was not this one: a fork or the cache took
        /// it from there. It may have been deleted.
        pub origin_run_id: Option<Uuid>,
        /// What identifies this call among all runs, if its output may be taken from the cache.
        pub cache_key: Option<String>,
        /// What returned before this call was made: the `call_key` of a step, the scope of a sub-flow, or `map`.
        pub previous_key: Option<String>,
        /// What its effect is known by in the root run, if it must not repeat by itself: another call of the step with
        /// this key is the same effect.
        pub once_key: Option<String>,
    }
}
