//! Why a request to a model failed, typed by what a caller does about it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::Secrets;

/// A failed request, in the form in which it is recorded.
///
/// Never holds a key: only what the provider answered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LlmError(Box<Detail>);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Detail {
    kind: LlmErrorKind,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unsent: bool,
}

/// What a caller can do about an [`LlmError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LlmErrorKind {
    /// The network or the provider failed for now: the same request may succeed later.
    Transient,
    /// The provider asks to slow down; see [`LlmError::retry_after`].
    RateLimited,
    /// No answer within the time allowed.
    Timeout,
    /// The answer was cut at the output limit; [`LlmError::partial`] holds what came.
    Truncated,
    /// The model declined to answer.
    Refused,
    /// The provider's filter stopped the request or the answer.
    ContentFiltered,
    /// The answer does not fit the step's output type.
    InvalidOutput,
    /// The provider, or the backend, does not accept this request: sending it again cannot help.
    InvalidRequest,
    /// The key is missing or not accepted, or the account has no credit.
    Authentication,
    /// A cassette holds no answer to this request.
    NotRecorded,
}

impl LlmErrorKind {
    /// The name in the column `llm_requests.error_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::ContentFiltered => "content_filtered",
            Self::InvalidOutput => "invalid_output",
            Self::InvalidRequest => "invalid_request",
            Self::Authentication => "authentication",
            Self::NotRecorded => "not_recorded",
        }
    }
}

impl LlmError {
    /// An error of a kind; the message is one line in lower case. Line breaks in it, such as a server's own, become
    /// spaces.
    pub fn new(kind: LlmErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        let message = if message.contains(char::is_control) {
            let words = message.split(|c: char| c.is_whitespace() || c.is_control());
            let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
            words.join(" ")
        } else {
            message
        };
        Self(Box::new(Detail {
            kind,
            message,
            http_status: None,
            provider_request_id: None,
            retry_after: None,
            partial: None,
            body: None,
            unsent: false,
        }))
    }

    /// Adds the HTTP status and the body that came with it.
    pub fn with_answer(mut self, http_status: u16, body: impl Into<String>) -> Self {
        self.0.http_status = Some(http_status);
        self.0.body = Some(body.into());
        self
    }

    /// Adds the provider's id of the request.
    pub fn with_provider_request_id(mut self, id: Option<String>) -> Self {
        self.0.provider_request_id = id;
        self
    }

    /// Adds how long the provider asks to wait.
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Adds the text that came before the failure.
    pub fn with_partial(mut self, text: impl Into<String>) -> Self {
        self.0.partial = Some(text.into());
        self
    }

    /// Says that the request never left, and so cost nothing: nobody could be reached.
    pub fn unsent(mut self) -> Self {
        self.0.unsent = true;
        self
    }

    /// The same, of another kind.
    #[cfg(feature = "genai")]
    pub(super) fn with_kind(mut self, kind: LlmErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The same in other words.
    #[cfg(feature = "openai")]
    pub(super) fn saying(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    /// Takes the server's key out of every text: it may echo it.
    #[cfg(feature = "openai")]
    pub(super) fn without(mut self, key: &str) -> Self {
        self.each_text(|text| {
            if text.contains(key) {
                *text = text.replace(key, "[key]");
            }
        });
        self
    }

    /// Takes a call's secrets out of every text.
    pub(crate) fn hiding(mut self, secrets: &Secrets) -> Self {
        self.each_text(|text| {
            if let Cow::Owned(hidden) = secrets.hidden_in(text) {
                *text = hidden;
            }
        });
        self
    }

    fn each_text(&mut self, change: impl Fn(&mut String)) {
        let detail = &mut *self.0;
        let others = [
            &mut detail.provider_request_id,
            &mut detail.partial,
            &mut detail.body,
        ];
        let others = others.into_iter().flatten();
        others.chain([&mut detail.message]).for_each(change);
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> LlmErrorKind {
        self.0.kind
    }

    /// The HTTP status, if there was an answer.
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// The body of a failed answer.
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// The provider's own id of the request.
    pub fn provider_request_id(&self) -> Option<&str> {
        self.0.provider_request_id.as_deref()
    }

    /// How long the provider asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the request never left.
    pub fn is_unsent(&self) -> bool {
        self.0.unsent
    }

    /// The text that came before the answer was cut or found invalid.
    pub fn partial(&self) -> Option<&str> {
        self.0.partial.as_deref()
    }
}

impl fmt::Display for LlmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for LlmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("http_status", &self.0.http_status)
            .field("provider_request_id", &self.0.provider_request_id)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for LlmError {}
