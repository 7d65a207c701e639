//! The Responses API, which a search on the web takes: its requests, and what its answers mean.
//!
//! Read with a light hand, as chat completions are: async-openai's own types keep the fields of a citation to themselves,
//! and take no answer of most other servers.

use serde_json::{Map, Value, json};

use crate::attachment::Attachment;
use crate::llm::{
    Citation, LlmError, LlmErrorKind, LlmRequest, LlmResponse, Message, OutputFormat, Role, Source,
    Usage, WebSearch,
};

use super::structured::{StructuredOutput, asked_for, response_format};

pub(super) fn body(way: StructuredOutput, request: &LlmRequest) -> Result<Value, LlmError> {
    let parameters = &request.parameters;
    let unknown = [
        ("seed", parameters.seed.is_some()),
        ("stop", parameters.stop.is_some()),
    ];
    if let Some((name, _)) = unknown.into_iter().find(|(_, given)| *given) {
        return Err(invalid(format!(
            "a search on the web goes to the Responses API, which has no `{name}`: leave it out"
        )));
    }
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("input".into(), input(&asked_for(way, request))?);
    if let Some(search) = &request.web_search {
        body.insert("tools".into(), json!([tool(search)]));
        body.insert("tool_choice".into(), json!("required"));
        body.insert("include".into(), json!(["web_search_call.action.sources"]));
    }
    // As a chat completion is: kept by nobody but the ledger.
    body.insert("store".into(), json!(false));
    let optional = [
        (
            "temperature",
            parameters.temperature.map(|value| json!(value)),
        ),
        ("top_p", parameters.top_p.map(|value| json!(value))),
        (
            "max_output_tokens",
            parameters.max_output_tokens.map(|value| json!(value)),
        ),
        (
            "reasoning",
            parameters
                .reasoning_effort
                .map(|effort| json!({ "effort": effort })),
        ),
        ("text", text_format(way, &request.format)),
    ];
    body.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    Ok(Value::Object(body))
}

fn tool(search: &WebSearch) -> Value {
    let mut tool = json!({ "type": "web_search" });
    // Without a place, OpenAI takes the United States for one.
    tool["user_location"] = json!({ "type": "approximate" });
    if let Some(country) = &search.country {
        tool["user_location"]["country"] = json!(country);
    }
    if !search.allowed_domains.is_empty() {
        tool["filters"] = json!({ "allowed_domains": search.allowed_domains });
    }
    if let Some(context) = search.context {
        tool["search_context_size"] = json!(context);
    }
    tool
}

fn text_format(way: StructuredOutput, format: &OutputFormat) -> Option<Value> {
    let mut format = response_format(way, format)?;
    // Chat completions have the parts of a schema one level deeper.
    let fields = format.as_object_mut()?;
    if let Some(Value::Object(parts)) = fields.remove("json_schema") {
        fields.extend(parts);
    }
    Some(json!({ "format": format }))
}

fn input(messages: &[Message]) -> Result<Value, LlmError> {
    let item = |message: &Message| {
        let content = if message.attachments.is_empty() {
            json!(message.content)
        } else if message.role == Role::Assistant {
            return Err(invalid(
                "the Responses API takes no attachments of an assistant",
            ));
        } else {
            parts(message)
        };
        Ok(json!({ "role": message.role, "content": content }))
    };
    messages.iter().map(item).collect()
}

fn parts(message: &Message) -> Value {
    let mut parts = Vec::new();
    for (text, attachment) in message.pieces() {
        let text = text.trim();
        if !text.is_empty() {
            parts.push(json!({ "type": "input_text", "text": text }));
        }
        parts.extend(attachment.map(part));
    }
    parts.into()
}

fn part(attachment: &Attachment) -> Value {
    let url = attachment.to_url();
    if attachment.is_image() {
        return json!({ "type": "input_image", "detail": "auto", "image_url": url });
    }
    if !attachment.has_bytes() {
        return json!({ "type": "input_file", "file_url": url });
    }
    let name = attachment.name().unwrap_or("attachment");
    json!({ "type": "input_file", "filename": name, "file_data": url })
}

fn invalid(message: impl Into<String>) -> LlmError {
    LlmError::new(LlmErrorKind::InvalidRequest, message)
}

/// Whether a document is an answer of this API, and none of chat completions.
pub(super) fn is_response(answer: &Value) -> bool {
    answer.get("choices").is_none()
        && (answer["object"] == "response" || answer.get("output").is_some_and(Value::is_array))
}

/// Why the answer failed, if it did: its kind and the server's words.
pub(super) fn failure(answer: &Value) -> Option<(LlmErrorKind, String)> {
    if answer["status"] != "failed" {
        return None;
    }
    let code = answer.pointer("/error/code").and_then(Value::as_str);
    let kind = match code {
        Some("rate_limit_exceeded") => LlmErrorKind::RateLimited,
        None | Some("server_error" | "vector_store_timeout") => LlmErrorKind::Transient,
        Some(code) if code.contains("policy") => LlmErrorKind::ContentFiltered,
        Some(_) => LlmErrorKind::InvalidRequest,
    };
    let said = answer.pointer("/error/message").and_then(Value::as_str);
    Some((kind, said.or(code).unwrap_or("nothing more").to_owned()))
}

/// What the answer says; what HTTP said is left to the caller.
pub(super) fn read(answer: &Value) -> LlmResponse {
    let output = answer["output"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = Text::default();
    for message in output.iter().filter(|item| item["type"] == "message") {
        // What some models say while they search is not their answer.
        if message["phase"] != "commentary" {
            text.add(&message["content"]);
        }
    }
    let searches = output
        .iter()
        .filter(|item| is_kind(item, "web_search") && is_kind(item, "_call"));
    let sources = searches
        .clone()
        .filter_map(|call| call.pointer("/action/sources")?.as_array())
        .flatten()
        .filter_map(source)
        .collect();
    let count = |pointer: &str| answer.pointer(pointer)?.as_u64();
    let is_search = |call: &&Value| {
        call.pointer("/action/type")
            .is_none_or(|action| action == "search")
    };
    let counted = searches.filter(is_search).count() as u64;
    LlmResponse {
        model: answer["model"].as_str().map(str::to_owned),
        content: text.content,
        refusal: text.refusal,
        finish_reason: finish_reason(answer),
        citations: text.citations,
        sources,
        usage: Usage {
            input_tokens: count("/usage/input_tokens"),
            cached_tokens: count("/usage/input_tokens_details/cached_tokens"),
            cache_write_tokens: count("/usage/input_tokens_details/cache_write_tokens"),
            output_tokens: count("/usage/output_tokens"),
            reasoning_tokens: count("/usage/output_tokens_details/reasoning_tokens"),
            web_searches: Some(counted),
            ..Usage::default()
        },
        ..LlmResponse::default()
    }
}

fn is_kind(item: &Value, part: &str) -> bool {
    item["type"]
        .as_str()
        .is_some_and(|kind| kind.contains(part))
}

/// `completed`, why it is incomplete, or another word for an answer that was not finished.
fn finish_reason(answer: &Value) -> Option<String> {
    let status = answer["status"].as_str()?;
    let reason = answer
        .pointer("/incomplete_details/reason")
        .and_then(Value::as_str)
        .filter(|reason| matches!(*reason, "max_output_tokens" | "content_filter"));
    Some(match (status, reason) {
        ("incomplete", Some(reason)) => reason.to_owned(),
        _ => status.to_owned(),
    })
}

/// The texts of all messages as one, and what was cited for them.
#[derive(Default)]
struct Text {
    content: Option<String>,
    refusal: Option<String>,
    citations: Vec<Citation>,
    /// How many characters the content has.
    length: usize,
}

impl Text {
    fn add(&mut self, content: &Value) {
        match content {
            Value::String(text) => self.add_text(text),
            Value::Array(parts) => {
                for part in parts {
                    self.add_part(part);
                }
            }
            _ => {}
        }
    }

    fn add_part(&mut self, part: &Value) {
        if let Some(refusal) = part["refusal"].as_str().filter(|said| !said.is_empty()) {
            self.refusal.get_or_insert_default().push_str(refusal);
        }
        let Some(text) = part["text"].as_str() else {
            return;
        };
        let length = text.chars().count();
        let annotations = part["annotations"].as_array().into_iter().flatten();
        let before = self.length;
        self.citations
            .extend(annotations.filter_map(|annotation| citation(annotation, before, length)));
        self.add_text(text);
    }

    fn add_text(&mut self, text: &str) {
        self.length += text.chars().count();
        self.content.get_or_insert_default().push_str(text);
    }
}

/// A citation in a text of `length` characters that follows `before` of others. A position outside of it is none.
fn citation(annotation: &Value, before: usize, length: usize) -> Option<Citation> {
    // Some servers have what is cited one level deeper, as chat completions do.
    let cited = match &annotation["url_citation"] {
        nested @ Value::Object(_) => nested,
        _ => annotation,
    };
    let title = cited["title"].as_str().map(str::to_owned);
    let at = |name: &str| {
        let at = usize::try_from(cited[name].as_u64()?).ok()?;
        (at <= length).then(|| before + at)
    };
    let place = at("start_index").zip(at("end_index"));
    Some(Citation {
        title,
        url: cited["url"].as_str()?.to_owned(),
        start: place.map(|(start, _)| start),
        end: place.map(|(_, end)| end),
    })
}

fn source(source: &Value) -> Option<Source> {
    Some(Source {
        title: source["title"].as_str().map(str::to_owned),
        url: source["url"].as_str()?.to_owned(),
    })
}

#[cfg(test)]
mod tests;
