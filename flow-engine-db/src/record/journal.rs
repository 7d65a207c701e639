//! [`Journal`]: what a resumed run needs to know of what was recorded.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{FlowRun, LlmRequest, RequestStatus, StepStatus};

/// A tree of runs with its step runs, as of one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Journal {
    /// The root and the runs below it, by id: as they started.
    pub runs: Vec<FlowRun>,
    /// The step runs of all of them, in the order they started.
    pub steps: Vec<JournalStep>,
    /// The attempts, whatever their status, of the step runs that are still open, in the order they
    /// were sent.
    pub open_requests: Vec<LlmRequest>,
    /// What each of the runs has paid for, as its attempts say, those included whose step run was never written. Runs
    /// without an attempt are left out.
    pub paid: Vec<Paid>,
}

/// The sums of a run's own attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Paid {
    /// The run.
    pub flow_run_id: Uuid,
    /// Tokens in and out.
    pub tokens: i64,
    /// Known costs in billionths of a USD.
    pub cost_nano_usd: i64,
    /// Attempts that succeeded and whose cost is not known.
    pub unpriced_requests: i64,
}

/// A step run as a replay reads it. JSON is the text that was stored, byte for byte; hashes are
/// lowercase hex.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JournalStep {
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
    /// The inputs: a JSON document.
    pub inputs: String,
    /// The output: a JSON document.
    pub outputs: Option<String>,
    /// What the step's kind keeps beside the output: a JSON document.
    pub step_metadata: Option<String>,
    /// Tokens of all its attempts.
    pub tokens_used: i64,
    /// Cost of all its attempts in USD; `None` if the price of one of them is not known. 0
    /// until it is finished.
    pub cost_estimate: Option<f64>,
    /// How long it took, in milliseconds.
    pub execution_time_ms: Option<i64>,
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
    /// What returned before this call was made: the `call_key` of a step, the scope of a sub-flow, or `map`.
    pub previous_key: Option<String>,
    /// What its effect is known by in the root run, if it must not repeat by itself.
    pub once_key: Option<String>,
    /// What a replay noted when it took this recorded completion: `code changed`, ….
    pub hit_note: Option<String>,
    /// The recorded step run that explained why this one had to run.
    pub compared_with: Option<Uuid>,
    /// The run that recorded this output first, if it was not this one.
    pub origin_run_id: Option<Uuid>,
    /// The hash of the template and front matter of the prompt that gave the output.
    pub prompt_id: Option<String>,
    /// Who gave the output.
    pub provider: Option<String>,
    /// The model that was asked for it.
    pub model: Option<String>,
    /// What became of the request for it.
    pub request_status: Option<RequestStatus>,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use row::JournalRow;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod row {
    use diesel::NullableExpressionMethods as _;

    use super::JournalStep;
    use crate::{
        StoreError, UnknownText,
        schema::{flow_step_runs, llm_requests},
        sql_types::{Id, Json, Ts},
    };

    /// The columns of `flow_step_runs`, and of the attempt that gave the output.
    #[derive(Debug, diesel::Queryable, diesel::Selectable)]
    #[diesel(table_name = flow_step_runs)]
    #[cfg_attr(feature = "sqlite", diesel(check_for_backend(diesel::sqlite::Sqlite)))]
    pub(crate) struct JournalRow {
        id: Id,
        flow_run_id: Id,
        llm_request_id: Option<Id>,
        step_name: String,
        step_order: i32,
        status: String,
        inputs: Json,
        outputs: Option<Json>,
        step_metadata: Option<Json>,
        tokens_used: i64,
        cost_estimate: Option<f64>,
        execution_time_ms: Option<i64>,
        created_at: Ts,
        completed_at: Option<Ts>,
        kind: String,
        call_key: Option<String>,
        key_algorithm: Option<String>,
        content_hash: Option<String>,
        schema_hash: Option<String>,
        code_hash: Option<String>,
        scope: Option<String>,
        previous_key: Option<String>,
        once_key: Option<String>,
        hit_note: Option<String>,
        compared_with: Option<Id>,
        origin_run_id: Option<Id>,
        #[diesel(select_expression = llm_requests::prompt_id.nullable())]
        prompt_id: Option<String>,
        #[diesel(select_expression = llm_requests::provider.nullable())]
        provider: Option<String>,
        #[diesel(select_expression = llm_requests::model.nullable())]
        model: Option<String>,
        #[diesel(select_expression = llm_requests::status.nullable())]
        request_status: Option<String>,
    }

    impl JournalRow {
        pub(crate) fn into_record(self) -> Result<JournalStep, StoreError> {
            let id = self.id.0;
            let unreadable = |table, column| {
                move |source: UnknownText| StoreError::Unreadable {
                    table,
                    column,
                    id,
                    source: source.into(),
                }
            };
            Ok(JournalStep {
                id,
                flow_run_id: self.flow_run_id.0,
                llm_request_id: self.llm_request_id.map(|stored| stored.0),
                step_name: self.step_name,
                step_order: self.step_order,
                status: self
                    .status
                    .parse()
                    .map_err(unreadable("flow_step_runs", "status"))?,
                request_status: self
                    .request_status
                    .map(|status| status.parse())
                    .transpose()
                    .map_err(unreadable("llm_requests", "status"))?,
                inputs: self.inputs.0,
                outputs: self.outputs.map(|json| json.0),
                step_metadata: self.step_metadata.map(|json| json.0),
                tokens_used: self.tokens_used,
                cost_estimate: self.cost_estimate,
                execution_time_ms: self.execution_time_ms,
                created_at: self.created_at.0,
                completed_at: self.completed_at.map(|time| time.0),
                kind: self.kind,
                call_key: self.call_key,
                key_algorithm: self.key_algorithm,
                content_hash: self.content_hash,
                schema_hash: self.schema_hash,
                code_hash: self.code_hash,
                scope: self.scope,
                previous_key: self.previous_key,
                once_key: self.once_key,
                hit_note: self.hit_note,
                compared_with: self.compared_with.map(|id| id.0),
                origin_run_id: self.origin_run_id.map(|id| id.0),
                prompt_id: self.prompt_id,
                provider: self.provider,
                model: self.model,
            })
        }
    }
}
