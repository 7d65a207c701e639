//! What goes to a model and what comes back: [`LlmBackend`] is the one seam.
//!
//! A request is neutral: a backend turns it into a provider's body and the provider's answer into an
//! [`LlmResponse`]. What an answer means to a step is the step kind's business.

mod cassette;
mod error;
#[cfg(feature = "genai")]
mod genai;
mod image;
mod limits;
mod message;
mod mock;
mod models;
#[cfg(feature = "openai")]
mod openai;
mod request;
mod response;
mod search;

use std::fmt;

use futures::future::BoxFuture;
use serde_json::Value;

#[cfg(feature = "genai")]
pub use self::genai::GenAiBackend;
pub use cassette::Cassette;
pub(crate) use cassette::REPLAY;
pub use error::{LlmError, LlmErrorKind};
pub use flow_engine_prompt::{Parameters, ReasoningEffort, Role};
pub use image::GeneratedImage;
pub use limits::Limit;
pub(crate) use limits::Limits;
pub use message::{Attached, Message};
pub use mock::MockBackend;
pub(crate) use models::{Model, Models};
#[cfg(feature = "openai")]
pub use openai::{OpenAiBackend, StructuredOutput};
pub use request::{LlmRequest, OutputFormat};
pub(crate) use response::refused;
pub use response::{LlmResponse, Usage};
pub use search::{Citation, SearchContext, Source, WebSearch};

/// A provider of models.
///
/// Implement it to reach one that is not here; [`MockBackend`] shows the shape.
pub trait LlmBackend: fmt::Debug + Send + Sync + 'static {
    /// The provider's name in the table `llm_requests`: `openai`, `mock`, …
    fn provider(&self) -> &str;

    /// The model used when neither the step, its prompt nor the engine names one.
    fn default_model(&self) -> Option<&str> {
        None
    }

    /// The name in the ledger of what a request asks for.
    fn operation(&self, _request: &LlmRequest) -> &'static str {
        "chat"
    }

    /// Whether it sends [`LlmRequest::web_search`] along. The engine refuses such a request to one that does not, since an
    /// answer without a search would look like one with it.
    fn searches_the_web(&self) -> bool {
        false
    }

    /// Whether nobody bills what it answers, as with a mock: under a budget it may be asked without a known price.
    fn is_free(&self) -> bool {
        false
    }

    /// The body that [`send`](Self::send) will send for this request; the ledger keeps it.
    ///
    /// # Errors
    /// When the request asks for something that the provider cannot do.
    fn body(&self, request: &LlmRequest) -> Result<Value, LlmError> {
        request.to_json()
    }

    /// Reads an answer again from [`LlmResponse::raw`], as [`send`](Self::send) gave it: when the output type of a
    /// step has changed, its recorded answer is read again and not paid for again.
    ///
    /// # Errors
    /// When this is no answer of the provider, or the backend cannot read answers again: then it is asked again.
    fn parse(&self, _raw: &str) -> Result<LlmResponse, LlmError> {
        let message = format!("{} does not read recorded answers", self.provider());
        Err(LlmError::new(LlmErrorKind::InvalidRequest, message))
    }

    /// Sends one request, once: attempts and their policy belong to the engine. Dropping the future
    /// aborts the request.
    ///
    /// # Errors
    /// When no answer was received, or the provider refused the request. An answer that was cut or
    /// filtered is not an error here: [`LlmResponse::finish_reason`] says so.
    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>>;

    /// Sends one request and gives the answer's text away as it comes; then the whole answer. Without this it comes in one
    /// piece.
    ///
    /// # Errors
    /// As for [`send`](Self::send). An answer that breaks off has what came of it as [`LlmError::partial`].
    fn stream<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
        give: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let response = self.send(request, body).await?;
            give(response.content.as_deref().unwrap_or_default());
            Ok(response)
        })
    }
}
