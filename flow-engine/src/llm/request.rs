//! What is asked of a model, whoever provides it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LlmError, LlmErrorKind, Message, Parameters, WebSearch};
use crate::secret::Secrets;

/// One request, before a provider's form is given to it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LlmRequest {
    /// The step that asks: a label for mocks and logs, not part of what is sent.
    #[serde(skip)]
    pub step: String,
    /// The model asked.
    pub model: String,
    /// The rendered messages, in order.
    pub messages: Vec<Message>,
    /// Temperature, output limit and the like; `model` in here is already resolved above.
    pub parameters: Parameters,
    /// What the answer must be.
    pub format: OutputFormat,
    /// Whether the answer is wanted in pieces, as it comes.
    #[serde(skip)]
    pub streams: bool,
    /// That the model searches the web before it answers, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_search: Option<WebSearch>,
    /// What is in it and must be kept nowhere.
    #[serde(skip)]
    pub(crate) secrets: Arc<Secrets>,
}

/// Without its secrets.
impl fmt::Debug for LlmRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown().map_err(|_| fmt::Error)?;
        f.debug_struct("LlmRequest")
            .field("step", &shown.step)
            .field("model", &shown.model)
            .field("messages", &shown.messages)
            .field("parameters", &shown.parameters)
            .field("format", &shown.format)
            .field("web_search", &shown.web_search)
            .finish_non_exhaustive()
    }
}

impl LlmRequest {
    /// The request as it is kept and shown.
    pub(crate) fn shown(&self) -> Result<Self, LlmError> {
        let mut shown = self.clone();
        if !self.secrets.is_empty() {
            for message in &mut shown.messages {
                message.hide(&self.secrets)?;
            }
        }
        Ok(shown)
    }

    /// The request as neutral JSON, the step's label left out.
    pub(crate) fn to_json(&self) -> Result<Value, LlmError> {
        serde_json::to_value(self).map_err(|error| {
            LlmError::new(
                LlmErrorKind::InvalidRequest,
                format!("the request is not JSON: {error}"),
            )
        })
    }
}

/// What form the answer must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputFormat {
    /// Plain text.
    Text,
    /// JSON of a schema that the model is held to.
    JsonSchema {
        /// The schema's name: letters, digits, `_` and `-`, at most 64.
        name: String,
        /// The schema; a strict one has all properties required and none additional.
        schema: Value,
        /// Whether the provider is asked to enforce it.
        #[serde(default = "is_strict", skip_serializing_if = "Clone::clone")]
        strict: bool,
    },
    /// An image: [`LlmResponse::images`](super::LlmResponse::images).
    Image,
}

impl OutputFormat {
    /// The schema that is sent with it.
    pub(crate) fn schema(&self) -> Option<&Value> {
        match self {
            Self::Text | Self::Image => None,
            Self::JsonSchema { schema, .. } => Some(schema),
        }
    }
}

fn is_strict() -> bool {
    true
}
