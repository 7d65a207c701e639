//! [`LlmRequest`].

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::record;
use crate::RequestStatus;

record! {
    /// An attempt: one request to an LLM, with what it cost.
    pub struct LlmRequest, RequestRow in llm_requests {
        /// A UUID v7.
        pub id: Uuid,
        /// The run.
        pub flow_run_id: Uuid,
        /// The step run. None if it could not be recorded, because another process had taken its run by then.
        pub step_run_id: Option<Uuid>,
        /// 1 for the first attempt of the step run.
        pub attempt: i32,
        /// Where it stands.
        pub status: RequestStatus,
        /// Who was asked.
        pub provider: String,
        /// The model that was asked for.
        pub model: String,
        /// The model that answered.
        pub model_served: Option<String>,
        /// What was asked: `chat`, `image`, ….
        pub operation: String,
        /// The hash of the prompt's template and front matter.
        pub prompt_id: Option<String>,
        /// The hash of the output schema as sent.
        pub schema_hash: Option<String>,
        /// The body as sent.
        pub request: Option<Value>,
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
        /// When it was sent.
        pub created_at: DateTime<Utc>,
        /// When it ended.
        pub completed_at: Option<DateTime<Utc>>,
    }
}
