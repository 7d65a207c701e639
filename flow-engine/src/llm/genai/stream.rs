//! An answer that comes in pieces.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::StreamExt as _;
use genai::chat::{ChatOptions, ChatStreamEvent, ChatStreamResponse, StreamEnd};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::answer::{answered, failed, late};
use super::{GenAiBackend, Native};
use crate::llm::{LlmError, LlmResponse};
use crate::lock::lock;

/// Who answers, as the first events say and genai does not.
#[derive(Debug, Default)]
pub(super) struct Served {
    id: Option<String>,
    model: Option<String>,
}

/// Options under which an answer's events say what is counted, and who answers.
pub(super) fn watched(options: ChatOptions) -> (ChatOptions, Arc<Mutex<Served>>) {
    let served = Arc::<Mutex<Served>>::default();
    let seen = Arc::clone(&served);
    let options = options
        .with_capture_usage(true)
        .with_raw_frame_fn(move |_, frame| {
            let mut served = lock(&seen);
            if served.id.is_some() {
                return;
            }
            let event = frame.json().unwrap_or_default();
            let text = |pointers: [&str; 2]| {
                let mut found = pointers.iter().filter_map(|pointer| event.pointer(pointer));
                found.find_map(Value::as_str).map(str::to_owned)
            };
            served.id = text(["/message/id", "/responseId"]);
            served.model = text(["/message/model", "/modelVersion"]);
        });
    (options, served)
}

/// Reads an answer from its events to its end, and gives each piece of its text away as it comes.
pub(super) async fn receive(
    backend: &GenAiBackend,
    answer: ChatStreamResponse,
    served: &Mutex<Served>,
    begun: Instant,
    give: &(dyn Fn(&str) + Send + Sync),
) -> Result<LlmResponse, LlmError> {
    let mut events = answer.stream;
    let asked = answer.model_iden.model_name.to_string();
    let mut content = String::new();
    let end = loop {
        let left = backend.timeout.saturating_sub(begun.elapsed());
        let event = match timeout(left, events.next()).await {
            Ok(Some(event)) => event,
            // It broke off: nothing says how it ended.
            Ok(None) => break StreamEnd::default(),
            Err(_) => return Err(late(backend).with_partial(&*content)),
        };
        match event {
            Ok(ChatStreamEvent::Chunk(piece)) => {
                content.push_str(&piece.content);
                give(&piece.content);
            }
            Ok(ChatStreamEvent::End(end)) => break end,
            Ok(_) => {}
            Err(error) => {
                let error = failed(error, backend.timeout, backend.secret());
                return Err(if content.is_empty() {
                    error
                } else {
                    error.with_partial(&*content)
                });
            }
        }
    };
    let served = std::mem::take(&mut *lock(served));
    let reason = end.captured_stop_reason;
    let word = reason.as_ref().map(|reason| reason.raw().to_owned());
    // As it would have come in one piece: so it is recorded, and read again.
    let raw = match backend.native {
        Native::Anthropic => json!({
            "id": served.id,
            "model": served.model,
            "content": [{ "type": "text", "text": content }],
            "stop_reason": word,
            "usage": end.captured_usage,
        }),
        Native::Gemini => json!({
            "responseId": served.id,
            "modelVersion": served.model,
            "candidates": [{ "content": { "parts": [{ "text": content }] }, "finishReason": word }],
            "usageMetadata": end.captured_usage,
        }),
    };
    let answer = LlmResponse {
        model: Some(served.model.unwrap_or(asked)),
        content: (!content.is_empty()).then_some(content),
        provider_request_id: served.id,
        raw: raw.to_string(),
        ..LlmResponse::default()
    };
    let usage = end.captured_usage.unwrap_or_default();
    Ok(answered(answer, &usage, reason, backend.echoed()))
}
