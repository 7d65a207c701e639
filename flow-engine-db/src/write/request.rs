//! The writes of an attempt's life: sent and finished.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::RequestStatus;

/// A request that is about to leave: a new row of `llm_requests`. Its root run must have been written before; a
/// step run that was not, because its unit was refused, is left out of the row.
///
/// Times are kept to the microsecond. JSON comes as text and is stored as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRequest {
    /// A UUID v7.
    pub id: Uuid,
    /// The run. It is recorded of the root run if this was not written, because its unit was refused.
    pub flow_run_id: Uuid,
    /// The root of the run; its own id for a root.
    pub root_run_id: Uuid,
    /// The step run.
    pub step_run_id: Uuid,
    /// 1 for the first attempt of the step run.
    pub attempt: i32,
    /// Who is asked: `openai`, ….
    pub provider: String,
    /// The model that is asked for.
    pub model: String,
    /// What is asked: `chat`, `image`, ….
    pub operation: String,
    /// The hash of the prompt's template and front matter.
    pub prompt_id: Option<String>,
    /// The hash of the output schema as sent.
    pub schema_hash: Option<String>,
    /// The body as sent: a JSON document.
    pub request: Option<String>,
    /// When it left.
    pub created_at: DateTime<Utc>,
}

impl NewRequest {
    /// The first attempt of a step run of a root run, sent now to `model` of `provider`.
    pub fn new(
        id: Uuid,
        flow_run_id: Uuid,
        step_run_id: Uuid,
        provider: impl Into<String>,
        model: impl Into<String>,
        operation: impl Into<String>,
    ) -> Self {
        Self {
            id,
            flow_run_id,
            root_run_id: flow_run_id,
            step_run_id,
            attempt: 1,
            provider: provider.into(),
            model: model.into(),
            operation: operation.into(),
            prompt_id: None,
            schema_hash: None,
            request: None,
            created_at: Utc::now(),
        }
    }
}

/// The end of an attempt.
///
/// What was paid is recorded: a request that the end of its run closed as `cancelled` still takes
/// the answer. Any other request that has ended is [`NotOpen`](crate::StoreError::NotOpen), except
/// for the same status, which is harmless.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestFinish {
    /// The request.
    pub id: Uuid,
    /// How it ended: `succeeded`, `failed` or `cancelled`.
    pub status: RequestStatus,
    /// When it ended.
    pub completed_at: DateTime<Utc>,
    /// The model that answered.
    pub model_served: Option<String>,
    /// The answer as it came.
    pub response: Option<String>,
    /// Why the model stopped, in its own word.
    pub finish_reason: Option<String>,
    /// Tokens of the request, the cached ones included.
    pub input_tokens: Option<i64>,
    /// Those of `input_tokens` that the provider had cached.
    pub cached_tokens: Option<i64>,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: Option<i64>,
    /// Those of `output_tokens` that were reasoning.
    pub reasoning_tokens: Option<i64>,
    /// Cost in nano-USD (10⁻⁹ USD); `None` if the price is not known.
    pub cost_nano_usd: Option<i64>,
    /// The price table that gave the cost.
    pub price_version: Option<String>,
    /// From the request leaving to the last byte of the answer, in milliseconds.
    pub latency_ms: Option<i64>,
    /// The HTTP status of the answer.
    pub http_status: Option<i32>,
    /// The provider's id for this request.
    pub provider_request_id: Option<String>,
    /// What kind of error it was: `rate_limited`, ….
    pub error_kind: Option<String>,
    /// What the error said.
    pub error_message: Option<String>,
}

impl RequestFinish {
    /// An attempt that ends now with this status, and of which nothing else is known.
    pub fn new(id: Uuid, status: RequestStatus) -> Self {
        Self {
            id,
            status,
            completed_at: Utc::now(),
            model_served: None,
            response: None,
            finish_reason: None,
            input_tokens: None,
            cached_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
            cost_nano_usd: None,
            price_version: None,
            latency_ms: None,
            http_status: None,
            provider_request_id: None,
            error_kind: None,
            error_message: None,
        }
    }
}
