//! What came back over HTTP, and what it means.
//!
//! Read with a light hand: of a chat completion only the text must be there, and a part that has another form than
//! OpenAI gives it counts as absent. An attempt that was paid for is not lost to a field that nobody needs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::StatusCode;
use http::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::responses;
use crate::llm::{LlmError, LlmErrorKind, LlmRequest, LlmResponse, Usage};

/// What the answer to a chat should be.
const COMPLETION: &str = "a chat completion";
/// The errors' names where a filter stopped a request; the last two are of images.
const FILTERED: [&str; 3] = [
    "content_filter",
    "content_policy_violation",
    "moderation_blocked",
];
/// In bytes, all that is around each piece included. No answer comes near it.
pub(super) const LONGEST_ANSWER: usize = 128 * 1024 * 1024;
/// What is kept of a longer one.
const BEGINNING: usize = 10_000;
/// How much of a server's message stands in ours; the whole of it is kept beside.
const LONGEST_MESSAGE: usize = 300;

/// Tokens of the answer, reasoning included. xAI and Google leave that out of `completion_tokens`, and have it in the total.
fn output_tokens(count: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let completion = count("/usage/completion_tokens")?;
    let left_out = || {
        let counted = count("/usage/prompt_tokens")?.checked_add(completion)?;
        let rest = count("/usage/total_tokens")?.checked_sub(counted)?;
        let reasoning = count("/usage/completion_tokens_details/reasoning_tokens");
        reasoning
            .is_none_or(|reasoning| reasoning == rest)
            .then_some(rest)
    };
    Some(completion.saturating_add(left_out().unwrap_or(0)))
}

/// An HTTP answer as a JSON document: the only form in which status and headers pass through async-openai.
#[derive(Serialize, Deserialize)]
pub(in crate::llm) struct Delivery {
    pub(super) status: u16,
    pub(super) request_id: Option<String>,
    retry_after: Option<Duration>,
    location: Option<String>,
    pub(super) body: String,
}

impl Delivery {
    pub(super) async fn receive(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let head = Self::head(&response);
        let body = body(response).await?;
        Ok(Self { body, ..head })
    }

    /// What an answer says before its body.
    pub(super) fn head(response: &reqwest::Response) -> Self {
        let headers = response.headers();
        Self {
            status: response.status().as_u16(),
            request_id: header(headers, "x-request-id").map(str::to_owned),
            retry_after: retry_after(headers),
            location: header(headers, LOCATION.as_str()).map(str::to_owned),
            body: String::new(),
        }
    }

    /// An answer that was received elsewhere.
    #[cfg(feature = "genai")]
    pub(in crate::llm) fn received(status: u16, headers: &HeaderMap, body: String) -> Self {
        let id = header(headers, "x-request-id").or_else(|| header(headers, "request-id"));
        Self {
            status,
            request_id: id.map(str::to_owned),
            retry_after: retry_after(headers),
            location: None,
            body,
        }
    }

    #[cfg(feature = "genai")]
    pub(in crate::llm) fn body(&self) -> &str {
        &self.body
    }

    /// The body of an answer that was received and kept.
    pub(super) fn recorded(body: &str) -> Self {
        Self {
            status: 200,
            request_id: None,
            retry_after: None,
            location: None,
            body: body.to_owned(),
        }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Takes a secret out of what the server says: before it is read, since half a key is one too many in a message.
    pub(in crate::llm) fn hide(&mut self, secret: &str) {
        self.body = self.body.replace(secret, "[key]");
    }

    /// The body, unless the server refused or it is none; `wanted` is what it should be: "a chat completion".
    pub(super) fn accepted(&self, wanted: &str) -> Result<Value, LlmError> {
        let body = serde_json::from_str::<Value>(&self.body);
        let said = body.as_ref().ok();
        if !self.is_success() {
            return Err(self.refused(said, self.status));
        }
        // A gateway that had begun to answer can report its server's failure in the body only.
        let failure = said.and_then(|body| body.pointer("/error/code")?.as_u64());
        if let Some(status @ 400..=599) = failure {
            return Err(self.refused(said, u16::try_from(status).unwrap_or(self.status)));
        }
        match body {
            Ok(body) => Ok(body),
            Err(_) if self.body.trim_start().starts_with('<') => {
                let reason = "it is a page of HTML; the address of a server usually ends in `/v1`";
                Err(self.unreadable(wanted, reason))
            }
            Err(error) => Err(self.unreadable(wanted, &error.to_string())),
        }
    }

    pub(in crate::llm) fn read(self) -> Result<LlmResponse, LlmError> {
        let completion = &self.accepted(COMPLETION)?;
        if responses::is_response(completion) {
            return self.read_response(completion);
        }
        let at = |pointer: &str| completion.pointer(pointer);
        let text = |pointer: &str| at(pointer)?.as_str().map(str::to_owned);
        let count = |pointer: &str| at(pointer)?.as_u64();
        if !at("/choices/0/message").is_some_and(Value::is_object) {
            let said = message(completion).map(|said| format!(": {said}"));
            let reason = format!("it holds no choice{}", said.unwrap_or_default());
            return Err(self.unreadable(COMPLETION, &reason));
        }
        Ok(LlmResponse {
            model: text("/model"),
            content: at("/choices/0/message/content").and_then(content),
            refusal: text("/choices/0/message/refusal").filter(|refusal| !refusal.is_empty()),
            finish_reason: text("/choices/0/finish_reason"),
            usage: Usage {
                input_tokens: count("/usage/prompt_tokens"),
                cached_tokens: count("/usage/prompt_tokens_details/cached_tokens"),
                cache_write_tokens: count("/usage/prompt_tokens_details/cache_write_tokens"),
                output_tokens: output_tokens(count),
                reasoning_tokens: count("/usage/completion_tokens_details/reasoning_tokens"),
                ..Usage::default()
            },
            http_status: Some(self.status),
            provider_request_id: self.request_id.or_else(|| text("/id")),
            raw: self.body,
            ..LlmResponse::default()
        })
    }

    /// The same of the Responses API.
    fn read_response(self, answer: &Value) -> Result<LlmResponse, LlmError> {
        if let Some((kind, said)) = responses::failure(answer) {
            let said: String = said.chars().take(LONGEST_MESSAGE).collect();
            return Err(self.failed(kind, format!("the model's server failed: {said}")));
        }
        let id = answer["id"].as_str().map(str::to_owned);
        Ok(LlmResponse {
            http_status: Some(self.status),
            provider_request_id: self.request_id.or(id),
            raw: self.body,
            ..responses::read(answer)
        })
    }

    /// The server answered that it failed, or that the request is wrong.
    fn refused(&self, body: Option<&Value>, status: u16) -> LlmError {
        let word = |pointer: &str| body?.pointer(pointer)?.as_str();
        let is = |wanted: &str| {
            ["/error/code", "/error/type"]
                .into_iter()
                .any(|pointer| word(pointer) == Some(wanted))
        };
        let (kind, advice) = match status {
            300..=399 => (
                LlmErrorKind::InvalidRequest,
                self.location
                    .as_ref()
                    .map(|location| format!("it moved to {location}, so give that address")),
            ),
            402 => (LlmErrorKind::Authentication, Some("add credit".to_owned())),
            401 | 403 => (
                LlmErrorKind::Authentication,
                Some("check the key and what it may use".to_owned()),
            ),
            429 if is("insufficient_quota") => {
                (LlmErrorKind::Authentication, Some("add credit".to_owned()))
            }
            429 => (
                LlmErrorKind::RateLimited,
                self.retry_after
                    .map(|wait| format!("it asks to wait {wait:?}")),
            ),
            404 => (
                LlmErrorKind::InvalidRequest,
                Some("check the model's name, and that the server's address is right".to_owned()),
            ),
            501 => (LlmErrorKind::InvalidRequest, None),
            408 | 409 | 425 | 500.. => (LlmErrorKind::Transient, None),
            _ if FILTERED.into_iter().any(is) => (LlmErrorKind::ContentFiltered, None),
            _ => (LlmErrorKind::InvalidRequest, None),
        };
        let said = body
            .and_then(message)
            .unwrap_or(&self.body)
            .chars()
            .take(LONGEST_MESSAGE)
            .collect::<String>();
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason());
        let said = match (said.trim(), reason) {
            ("", reason) => reason.unwrap_or("nothing more").to_owned(),
            (said, _) => said.to_owned(),
        };
        let advice = advice
            .map(|advice| format!("; {advice}"))
            .unwrap_or_default();
        self.failed(
            kind,
            format!("the model's server answered {status}: {said}{advice}"),
        )
    }

    /// The server says in the middle of an answer that it failed.
    pub(super) fn failed_midway(&self) -> LlmError {
        let said: Option<Value> = serde_json::from_str(&self.body).ok();
        let status = said
            .as_ref()
            .and_then(|said| said.pointer("/error/code")?.as_u64());
        let status = status.and_then(|status| u16::try_from(status).ok());
        self.refused(
            said.as_ref(),
            status.filter(|status| *status >= 400).unwrap_or(500),
        )
    }

    /// The answer is none. It may be a proxy's page or cut on its way: the next attempt may well be answered.
    pub(super) fn unreadable(&self, wanted: &str, reason: &str) -> LlmError {
        self.failed(
            LlmErrorKind::Transient,
            format!("the server's answer is not {wanted}: {reason}"),
        )
    }

    fn failed(&self, kind: LlmErrorKind, message: String) -> LlmError {
        LlmError::new(kind, message)
            .with_answer(self.status, self.body.clone())
            .with_provider_request_id(self.request_id.clone())
            .with_retry_after(self.retry_after)
    }
}

/// The body of an answer; of one that is too long its beginning, which is no answer.
pub(super) async fn body(mut response: reqwest::Response) -> Result<String, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            body.truncate(BEGINNING);
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Seconds or a date, as HTTP has it; or milliseconds in a header of OpenAI's own.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| header(headers, name)?.trim().parse::<f64>().ok();
    if let Some(milliseconds) = number("retry-after-ms") {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    if let Some(seconds) = number(RETRY_AFTER.as_str()) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = DateTime::parse_from_rfc2822(header(headers, RETRY_AFTER.as_str())?).ok()?;
    // A moment that is past asks for no wait.
    Some((date.to_utc() - Utc::now()).to_std().unwrap_or_default())
}

/// What a server says of an error, in one of the forms in use.
fn message(body: &Value) -> Option<&str> {
    let forms = [
        "/error/message",
        "/error",
        "/message",
        "/detail",
        "/detail/0/msg",
        "/0/error/message",
    ];
    forms
        .into_iter()
        .find_map(|form| body.pointer(form)?.as_str())
}

/// A text, or the texts among the parts that some servers send in its place.
pub(super) fn content(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<_> = parts
                .iter()
                .filter_map(|part| part.get("text")?.as_str())
                .collect();
            (!texts.is_empty()).then(|| texts.concat())
        }
        _ => None,
    }
}

/// What came of a request that may have asked for a search: a server that has no such thing says so, or answers all the same.
pub(super) fn searched(
    answer: Result<LlmResponse, LlmError>,
    request: &LlmRequest,
) -> Result<LlmResponse, LlmError> {
    if request.web_search.is_none() {
        return answer;
    }
    match answer {
        Ok(mut response) => {
            response.usage.web_searches.get_or_insert(0);
            Ok(response)
        }
        Err(error) if matches!(error.http_status(), Some(404 | 405 | 501)) => {
            let message = format!(
                "{error}; a search on the web goes to the Responses API (`/responses`), which OpenAI has and many \
                 compatible servers do not"
            );
            Err(error.saying(message))
        }
        Err(error) => Err(error),
    }
}
