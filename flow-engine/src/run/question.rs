//! What a model is asked, in its provider's form.

use serde_json::Value;

use crate::llm::{LlmError, LlmErrorKind, LlmRequest, Message, Model};

/// A request to a model.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) model: Model,
    pub(super) request: LlmRequest,
    pub(super) body: Value,
    /// The body as it is recorded.
    pub(super) shown: Value,
}

impl Question {
    pub(super) fn new(model: Model, request: LlmRequest) -> Result<Self, LlmError> {
        if request.web_search.is_some() && !model.backend.searches_the_web() {
            return Err(cannot_search(model.backend.provider()));
        }
        let body = model.backend.body(&request)?;
        let mut shown = body.clone();
        request.secrets.hide_in(&mut shown);
        Ok(Self {
            model,
            request,
            body,
            shown,
        })
    }

    /// The same, to another model.
    pub(super) fn to(&self, model: Model) -> Result<Self, LlmError> {
        let mut request = self.request.clone();
        request.model.clone_from(&model.name);
        Self::new(model, request)
    }

    /// With twice the room for an answer, up to the most that the model can give; none if it has all of that.
    pub(super) fn with_more_room(&self, most: Option<u64>) -> Option<Result<Self, LlmError>> {
        let limit = self.request.parameters.max_output_tokens?;
        let most = most.and_then(|most| u32::try_from(most).ok());
        let grown = limit.saturating_mul(2).min(most.unwrap_or(u32::MAX));
        if grown <= limit {
            return None;
        }
        let mut request = self.request.clone();
        request.parameters.max_output_tokens = Some(grown);
        Some(Self::new(self.model.clone(), request))
    }

    /// With an answer that cannot be used, and why.
    pub(super) fn corrected(&self, answer: &str, reason: &LlmError) -> Result<Self, LlmError> {
        let mut request = self.request.clone();
        let correction = format!(
            "This answer cannot be used: {reason}.\nAnswer again: the whole of it, corrected, and nothing else."
        );
        request.messages.push(Message::assistant(answer));
        request.messages.push(Message::user(correction));
        Self::new(self.model.clone(), request)
    }
}

fn cannot_search(provider: &str) -> LlmError {
    let message = format!(
        "`{provider}` cannot search the web for a model; what can is an `OpenAiBackend` whose server has the Responses API, a \
         `MockBackend`, a recording of either, or a backend of yours whose `searches_the_web` says so"
    );
    LlmError::new(LlmErrorKind::InvalidRequest, message)
}
