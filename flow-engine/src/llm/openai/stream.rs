//! A chat completion that comes in pieces, as server-sent events.

use std::future::ready;

use eventsource_stream::{EventStreamError, Eventsource as _};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::OpenAiBackend;
use super::answer::{self, Delivery, LONGEST_ANSWER, content};
use super::undelivered::broken;
use crate::llm::{LlmError, LlmErrorKind, LlmResponse};

/// In bytes. The reader of events looks through all of a line again with each chunk of it.
const LONGEST_LINE: usize = 1024 * 1024;

/// What has come of a completion.
#[derive(Default)]
struct Pieces {
    id: Value,
    model: Value,
    content: String,
    refusal: String,
    finish_reason: Value,
    usage: Value,
}

/// Reads a completion from its events to its end, and gives each piece of its text away as it comes.
pub(super) async fn receive(
    backend: &OpenAiBackend,
    response: reqwest::Response,
    give: &(dyn Fn(&str) + Send + Sync),
) -> Result<LlmResponse, LlmError> {
    let mut delivery = Delivery::head(&response);
    let is_stream = response
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/event-stream"));
    if !delivery.is_success() || !is_stream {
        // A failure, or a server that does not stream.
        delivery.body = answer::body(response)
            .await
            .map_err(|error| broken(&error, backend.timeout))?;
        let response = backend.without_key(delivery).read()?;
        give(response.content.as_deref().unwrap_or_default());
        return Ok(response);
    }
    let (mut length, mut line) = (0, 0);
    let bytes = response.bytes_stream().take_while(move |chunk| {
        let chunk = chunk.as_deref().unwrap_or_default();
        length += chunk.len();
        line = match chunk.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(end) => chunk.len() - end,
            None => line + chunk.len(),
        };
        // What breaks off so has no end, and is no answer.
        ready(length <= LONGEST_ANSWER && line <= LONGEST_LINE)
    });
    let mut events = bytes.eventsource();
    let mut pieces = Pieces::default();
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| {
            let error = match error {
                EventStreamError::Transport(error) => broken(&error, backend.timeout),
                error => {
                    let message =
                        format!("the answer is not what a server sends in pieces: {error}");
                    LlmError::new(LlmErrorKind::Transient, message)
                }
            };
            error.with_partial(&*pieces.content)
        })?;
        if event.data.trim() == "[DONE]" {
            break;
        }
        let chunk: Value = serde_json::from_str(&event.data).map_err(|error| {
            let message = format!("a piece of the answer cannot be read: {error}");
            LlmError::new(LlmErrorKind::Transient, message).with_partial(&*pieces.content)
        })?;
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            delivery.body = chunk.to_string();
            let delivery = backend.without_key(delivery);
            return Err(delivery.failed_midway().with_partial(&*pieces.content));
        }
        pieces.add(&chunk, give);
    }
    // As it would have come in one piece: so it is recorded, and read again.
    delivery.body = pieces.completion().to_string();
    backend.without_key(delivery).read()
}

impl Pieces {
    fn add(&mut self, chunk: &Value, give: &(dyn Fn(&str) + Send + Sync)) {
        for (name, kept) in [
            ("id", &mut self.id),
            ("model", &mut self.model),
            ("usage", &mut self.usage),
        ] {
            if let Some(value) = chunk.get(name).filter(|value| !value.is_null()) {
                *kept = value.clone();
            }
        }
        let text = |pointer: &str| chunk.pointer(pointer).and_then(Value::as_str);
        if let Some(content) = chunk.pointer("/choices/0/delta/content").and_then(content) {
            self.content.push_str(&content);
            give(&content);
        }
        if let Some(refusal) = text("/choices/0/delta/refusal") {
            self.refusal.push_str(refusal);
        }
        if let Some(reason) = text("/choices/0/finish_reason") {
            self.finish_reason = reason.into();
        }
    }

    fn completion(&self) -> Value {
        let refusal = (!self.refusal.is_empty()).then_some(&self.refusal);
        json!({
            "id": self.id,
            "object": "chat.completion",
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": self.content, "refusal": refusal },
                "finish_reason": self.finish_reason,
            }],
            "usage": self.usage,
        })
    }
}
