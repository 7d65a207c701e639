//! What genai gives back, and what it means.

use std::time::Duration;

use async_openai::error::OpenAIError;
use genai::Error;
use genai::chat::{ChatResponse, StopReason};
use genai::webc;
use serde_json::Value;

use super::{GenAiBackend, Native};
use crate::llm::openai::answer::Delivery;
use crate::llm::openai::undelivered::undelivered;
use crate::llm::{LlmError, LlmErrorKind, LlmResponse, Usage};

pub(super) fn given(response: ChatResponse, secret: Option<&str>) -> LlmResponse {
    // `None` where the answer has no text at all: a list of none would be an empty one.
    let texts = response.content.texts();
    let raw = response.captured_raw_body;
    let id = raw.as_ref().and_then(|raw| {
        let id = raw.get("id").or_else(|| raw.get("responseId"))?;
        id.as_str().map(str::to_owned)
    });
    let answer = LlmResponse {
        model: Some(response.provider_model_iden.model_name.to_string()),
        content: (!texts.is_empty()).then(|| texts.concat()),
        raw: raw.map(|raw| raw.to_string()).unwrap_or_default(),
        provider_request_id: id,
        ..LlmResponse::default()
    };
    answered(answer, &response.usage, response.stop_reason, secret)
}

/// An answer with what was counted and how it ended. The key that is `secret` is hidden in it.
pub(super) fn answered(
    mut answer: LlmResponse,
    usage: &genai::chat::Usage,
    reason: Option<StopReason>,
    secret: Option<&str>,
) -> LlmResponse {
    if let Some(secret) = secret {
        answer.raw = answer.raw.replace(secret, "[key]");
        answer.content = answer.content.map(|text| text.replace(secret, "[key]"));
    }
    let count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
    let input = usage.prompt_tokens_details.as_ref();
    let output = usage.completion_tokens_details.as_ref();
    answer.usage = Usage {
        input_tokens: count(usage.prompt_tokens),
        cached_tokens: count(input.and_then(|input| input.cached_tokens)),
        cache_write_tokens: count(input.and_then(|input| input.cache_creation_tokens)),
        output_tokens: count(usage.completion_tokens),
        reasoning_tokens: count(output.and_then(|output| output.reasoning_tokens)),
        ..Usage::default()
    };
    ended(answer, reason)
}

/// An answer with the word for its end. Words for a cut or a filtered one that nobody else uses become those that all know.
fn ended(mut answer: LlmResponse, reason: Option<StopReason>) -> LlmResponse {
    answer.finish_reason = reason.as_ref().map(|reason| match reason {
        StopReason::MaxTokens(_) => "length".to_owned(),
        StopReason::ContentFilter(_) => "content_filter".to_owned(),
        reason => reason.raw().to_owned(),
    });
    if let Some(StopReason::ContentFilter(word)) = reason
        && word == "refusal"
    {
        let said = answer.content.take().filter(|text| !text.is_empty());
        answer.refusal = Some(said.unwrap_or_default());
        answer.finish_reason = Some("refusal".to_owned());
    }
    answer
}

/// A raw answer, read again: its text, and how it ended.
pub(super) fn recorded(native: Native, raw: &str) -> Result<LlmResponse, LlmError> {
    let unreadable = || {
        let message = format!("this is no answer of {}", native.name());
        LlmError::new(LlmErrorKind::InvalidRequest, message)
    };
    let body: Value = serde_json::from_str(raw).map_err(|_| unreadable())?;
    let (parts, reason) = match native {
        Native::Anthropic => ("/content", "/stop_reason"),
        Native::Gemini => ("/candidates/0/content/parts", "/candidates/0/finishReason"),
    };
    let parts = body.pointer(parts).and_then(Value::as_array);
    let texts: Vec<&str> = parts
        .ok_or_else(unreadable)?
        .iter()
        .filter(|part| part.get("thought").and_then(Value::as_bool) != Some(true))
        .filter_map(|part| part.get("text")?.as_str())
        .collect();
    let reason = body.pointer(reason).and_then(Value::as_str);
    let answer = LlmResponse {
        content: (!texts.is_empty()).then(|| texts.concat()),
        raw: raw.to_owned(),
        ..LlmResponse::default()
    };
    let reason = reason.map(|reason| StopReason::from(reason.to_owned()));
    Ok(ended(answer, reason))
}

/// Why there is no answer. genai's own words have the whole request in them, and are not used where they do.
pub(super) fn failed(error: Error, timeout: Duration, secret: Option<&str>) -> LlmError {
    let error = match error {
        // What the server said instead of a stream is inside.
        Error::WebStream {
            error,
            cause,
            model_iden,
        } => match error.downcast::<Error>() {
            Ok(refused) => *refused,
            Err(error) => match error.downcast::<reqwest::Error>() {
                Ok(error) => return undelivered(&OpenAIError::Reqwest(*error), timeout),
                Err(error) => Error::WebStream {
                    error,
                    cause,
                    model_iden,
                },
            },
        },
        error => error,
    };
    let status = error.status().map(|status| status.as_u16());
    let headers = error.headers().cloned().unwrap_or_default();
    let refused = |status: u16, body: String| {
        let mut delivery = Delivery::received(status, &headers, body);
        if let Some(secret) = secret {
            delivery.hide(secret);
        }
        let is_key = status == 400 && delivery.body().contains("API_KEY_INVALID");
        match delivery.read() {
            // Google says so of a key that it does not know.
            Err(error) if is_key => error.with_kind(LlmErrorKind::Authentication),
            Err(error) => error,
            Ok(_) => LlmError::new(LlmErrorKind::Transient, "a failure that reads as an answer"),
        }
    };
    match error {
        Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => {
            match webc_error {
                webc::Error::Reqwest(error) => undelivered(&OpenAIError::Reqwest(error), timeout),
                webc::Error::ResponseFailedStatus { status, body, .. } => {
                    refused(status.as_u16(), body)
                }
                webc::Error::ResponseFailedNotJson { body, .. } => {
                    unreadable("it is no JSON").with_answer(200, body)
                }
                webc::Error::ResponseFailedInvalidJson { body, cause } => {
                    unreadable(&cause).with_answer(200, body)
                }
                webc::Error::JsonValueExt(error) => unreadable(&error.to_string()),
            }
        }
        Error::HttpError { status, body, .. } => refused(status.as_u16(), body),
        Error::WebStream { cause, .. } => unreadable(&cause),
        Error::StreamParse { serde_error, .. } => unreadable(&serde_error.to_string()),
        Error::ChatResponse { body, .. } => midway(&body),
        Error::ChatResponseGeneration {
            response_body,
            cause,
            ..
        } => {
            let blocked = response_body.pointer("/promptFeedback/blockReason");
            let error = match blocked.and_then(Value::as_str) {
                Some(reason) => LlmError::new(
                    LlmErrorKind::ContentFiltered,
                    format!("the provider's content filter stopped the request: {reason}"),
                ),
                None => unreadable(&cause),
            };
            error.with_answer(200, response_body.to_string())
        }
        error => {
            let error = LlmError::new(LlmErrorKind::InvalidRequest, error.to_string());
            match status {
                Some(status) => error.with_answer(status, ""),
                None => error,
            }
        }
    }
}

/// The server says in the middle of an answer that it failed.
fn midway(body: &Value) -> LlmError {
    let kind = body.pointer("/error/type").and_then(Value::as_str);
    let kind = match kind {
        Some("rate_limit_error") => LlmErrorKind::RateLimited,
        _ => LlmErrorKind::Transient,
    };
    let said = body.pointer("/error/message").and_then(Value::as_str);
    let said = said.unwrap_or("it does not say why");
    let message = format!("the server failed in the middle of its answer: {said}");
    LlmError::new(kind, message).with_answer(200, body.to_string())
}

pub(super) fn late(backend: &GenAiBackend) -> LlmError {
    let (name, limit) = (backend.native.name(), backend.timeout);
    let message = format!("no answer from {name} within {limit:?}; a longer wait can be allowed");
    LlmError::new(LlmErrorKind::Timeout, message)
}

/// The next attempt may well be answered.
fn unreadable(reason: &str) -> LlmError {
    let reason: String = reason.chars().take(300).collect();
    let message = format!("the server's answer cannot be read: {reason}");
    LlmError::new(LlmErrorKind::Transient, message)
}
