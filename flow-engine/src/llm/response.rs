//! What a model answered, whoever provides it.

use serde::{Deserialize, Serialize};

use super::{Citation, GeneratedImage, LlmError, LlmErrorKind, Source, image};
use crate::secret::Secrets;

/// What a model answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LlmResponse {
    /// The model that answered, as the provider names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The text of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What the model said in place of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Why the answer ended, in the provider's words: `stop`, `length`, `content_filter`, …; those of Anthropic and Google for a cut
    /// or a filtered answer are `length` and `content_filter`. `None` when the provider did not say, which is no success: see [`accepted`](Self::accepted).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The images of an answer to [`OutputFormat::Image`](super::OutputFormat::Image). Their bytes go to the engine's artifact store.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<GeneratedImage>,
    /// What the text rests on, where the provider says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation>,
    /// What a search on the web has found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// What was counted.
    pub usage: Usage,
    /// The answer as it came over the wire.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raw: String,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The provider's own id of this request, for its support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
}

/// That the model refused, with its words if it has any.
pub(crate) fn refused(words: &str) -> String {
    match words.trim() {
        "" => "the model refused to answer, and does not say why".to_owned(),
        words => format!("the model refused: {words}"),
    }
}

impl LlmResponse {
    /// An answer that ended normally.
    pub fn text(content: impl Into<String>) -> Self {
        let content = content.into();
        Self {
            raw: content.clone(),
            content: Some(content),
            finish_reason: Some("stop".to_owned()),
            ..Self::default()
        }
    }

    /// An answer of images, in the form of OpenAI's: what is kept of it names artifacts in the place of bytes.
    pub fn of_images(images: Vec<GeneratedImage>) -> Self {
        Self {
            raw: image::raw(&images),
            finish_reason: Some("stop".to_owned()),
            images,
            ..Self::default()
        }
    }

    /// The answer as the ledger keeps it: images that were not stored yet are in it.
    pub(crate) fn kept(&self, secrets: &Secrets) -> String {
        image::with_bytes(secrets.hidden_in(&self.raw).into_owned(), &self.images)
    }

    /// Sets the counted tokens.
    pub fn with_usage(mut self, input_tokens: u64, output_tokens: u64) -> Self {
        self.usage.input_tokens = Some(input_tokens);
        self.usage.output_tokens = Some(output_tokens);
        self
    }

    /// Adds what the text rests on.
    pub fn with_citations(mut self, citations: impl IntoIterator<Item = Citation>) -> Self {
        self.citations.extend(citations);
        self
    }

    /// Adds what a search on the web has found.
    pub fn with_sources(mut self, sources: impl IntoIterator<Item = Source>) -> Self {
        self.sources.extend(sources);
        self
    }

    /// The text of an answer that may be used.
    ///
    /// # Errors
    /// When it was cut, filtered, refused or is not there, in that order; a cut answer is never read, since
    /// half a JSON document can be repaired into a valid wrong one. Also when it is not known how it ended
    /// ([`LlmErrorKind::Transient`]): half a text looks like a whole one.
    pub fn accepted(&self) -> Result<&str, LlmError> {
        let text = self.accepted_unless_cut();
        if text.is_ok() && self.finish_reason.is_none() {
            return Err(self.broken_off());
        }
        text
    }

    /// As [`accepted`](Self::accepted), but for the reader of a form that shows its own end, as a JSON document does:
    /// it is no error that the provider did not say how the answer ended. Ollama gives good answers so.
    ///
    /// # Errors
    /// When it was cut, filtered, refused or is not there.
    pub fn accepted_unless_cut(&self) -> Result<&str, LlmError> {
        let partial = self.content.as_deref().unwrap_or_default();
        match self.finish_reason.as_deref() {
            Some("length" | "max_tokens" | "MAX_TOKENS" | "max_output_tokens" | "model_length") => {
                return Err(LlmError::new(
                    LlmErrorKind::Truncated,
                    format!(
                        "the answer was cut at the output limit after {} characters; raise `max_output_tokens`",
                        partial.chars().count()
                    ),
                )
                .with_partial(partial));
            }
            Some("content_filter") => {
                let message = "the provider's content filter stopped the answer";
                return Err(
                    LlmError::new(LlmErrorKind::ContentFiltered, message).with_partial(partial)
                );
            }
            // vLLM, OpenRouter, DeepSeek and the Responses API, in this order, for an answer that their machine did not finish.
            Some(
                reason @ ("abort"
                | "error"
                | "insufficient_system_resource"
                | "incomplete"
                | "cancelled"
                | "in_progress"
                | "queued"),
            ) => {
                let message = format!("the provider broke off the answer (`{reason}`)");
                return Err(LlmError::new(LlmErrorKind::Transient, message).with_partial(partial));
            }
            _ => {}
        }
        if let Some(refusal) = &self.refusal {
            return Err(LlmError::new(LlmErrorKind::Refused, refused(refusal)));
        }
        match self.content.as_deref() {
            Some(text) => Ok(text),
            None if self.finish_reason.is_none() => Err(self.broken_off()),
            None => Err(LlmError::new(
                LlmErrorKind::InvalidOutput,
                "the answer holds no text",
            )),
        }
    }

    /// Whether the model came to its end, and said so: `stop`, or what others call it.
    pub fn ended_normally(&self) -> bool {
        const ENDS: [&str; 6] = [
            "stop",
            "end_turn",
            "stop_sequence",
            "eos",
            "eos_token",
            "completed",
        ];
        let reason = self.finish_reason.as_deref().unwrap_or_default();
        ENDS.iter().any(|end| end.eq_ignore_ascii_case(reason))
    }

    /// Nobody said how the answer ended.
    pub(crate) fn broken_off(&self) -> LlmError {
        let message = "the answer broke off: the provider gave no finish reason";
        LlmError::new(LlmErrorKind::Transient, message)
            .with_partial(self.content.as_deref().unwrap_or_default())
    }
}

/// Counted tokens; `None` where the provider did not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input_tokens: Option<u64>,
    /// Those of the input that the provider read from its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Those of the input that the provider wrote into its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: Option<u64>,
    /// Those of the output that the model spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// Those of the input that are of images, whose price can be another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input_tokens: Option<u64>,
    /// Those of the output that are of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output_tokens: Option<u64>,
    /// Searches on the web that the provider made for the answer, and charges beside the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_searches: Option<u64>,
}

impl Usage {
    /// Input and output together; what was not counted counts as 0.
    pub fn total(&self) -> u64 {
        self.input_tokens
            .unwrap_or(0)
            .saturating_add(self.output_tokens.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_answer_is_never_read_and_keeps_its_partial_text() {
        let mut response = LlmResponse::text("{\"title\": \"half");
        response.finish_reason = Some("length".into());
        response.refusal = Some("also".into());
        let error = response.accepted().unwrap_err();
        assert_eq!(error.kind(), LlmErrorKind::Truncated);
        assert_eq!(error.partial(), Some("{\"title\": \"half"));
    }

    #[test]
    fn a_refusal_is_not_an_answer() {
        let response = LlmResponse {
            refusal: Some("no".into()),
            ..LlmResponse::text("x")
        };
        assert_eq!(
            response.accepted().unwrap_err().kind(),
            LlmErrorKind::Refused
        );
    }

    #[test]
    fn an_answer_whose_end_was_not_given_is_accepted_only_by_who_sees_its_end() {
        let response = LlmResponse {
            finish_reason: None,
            ..LlmResponse::text("x")
        };
        assert_eq!(response.accepted_unless_cut().unwrap(), "x");
        let error = response.accepted().unwrap_err();
        assert_eq!(
            (error.kind(), error.partial()),
            (LlmErrorKind::Transient, Some("x"))
        );
        let refused = LlmResponse {
            refusal: Some("no".into()),
            ..response
        };
        assert_eq!(
            refused.accepted().unwrap_err().kind(),
            LlmErrorKind::Refused
        );
    }
}
