//! A neutral request in genai's form.

use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, ChatRole, ContentPart, JsonSpec,
    MessageContent, ReasoningEffort as Effort,
};

use super::Native;
use crate::attachment::Attachment;
use crate::llm::{
    LlmError, LlmErrorKind, LlmRequest, Message, OutputFormat, ReasoningEffort, Role,
};

/// What genai takes for an effort where a model's name ends in it, and asks for another model.
const EFFORTS: [&str; 8] = [
    "none", "zero", "minimal", "low", "medium", "high", "xhigh", "max",
];

pub(super) fn asked(
    native: Native,
    request: &LlmRequest,
) -> Result<(ChatRequest, ChatOptions), LlmError> {
    let model = &request.model;
    let last = model.rsplit_once('-').map(|(_, last)| last);
    if model.contains("::") || last.is_some_and(|last| EFFORTS.contains(&last)) {
        return Err(refused(format!(
            "`{model}` cannot be asked for as it is: genai reads more than a model's name in it"
        )));
    }
    let mut messages = request
        .messages
        .iter()
        .map(|said| message(native, said))
        .collect::<Result<Vec<_>, _>>()?;
    let mut options = options(native, request)?;
    match &request.format {
        OutputFormat::Text => {}
        OutputFormat::Image => {
            let message = "images are asked of `OpenAiBackend`, and of no model here";
            return Err(LlmError::new(LlmErrorKind::InvalidRequest, message));
        }
        // Anthropic holds a model to closed objects only, and genai closes the others.
        OutputFormat::JsonSchema { schema, strict, .. }
            if native == Native::Anthropic && !strict =>
        {
            messages.push(ChatMessage::system(format!(
                "Answer with one JSON object and nothing else: no words before or after it, no code fence. It must fit this \
                 JSON schema:\n{schema}"
            )));
        }
        OutputFormat::JsonSchema { name, schema, .. } => {
            let spec = JsonSpec::new(name, schema.clone());
            options.response_format = Some(ChatResponseFormat::JsonSpec(spec));
        }
    }
    Ok((ChatRequest::new(messages), options))
}

fn options(native: Native, request: &LlmRequest) -> Result<ChatOptions, LlmError> {
    let parameters = &request.parameters;
    let seed =
        match parameters.seed {
            Some(_) if native == Native::Anthropic => {
                return Err(refused("Anthropic's models take no `seed`"));
            }
            Some(seed) => Some(u64::try_from(seed).map_err(|_| {
                refused(format!("a `seed` of {seed} cannot be sent: it is below 0"))
            })?),
            None => None,
        };
    let effort = parameters
        .reasoning_effort
        .map(|effort| reasoning(native, &request.model, effort));
    Ok(ChatOptions {
        temperature: parameters.temperature,
        top_p: parameters.top_p,
        max_tokens: parameters.max_output_tokens,
        stop_sequences: parameters.stop.clone().unwrap_or_default(),
        seed,
        reasoning_effort: effort.transpose()?,
        capture_raw_body: Some(true),
        ..ChatOptions::default()
    })
}

fn reasoning(native: Native, model: &str, effort: ReasoningEffort) -> Result<Effort, LlmError> {
    Ok(match effort {
        ReasoningEffort::None if native == Native::Gemini => {
            // genai gives these models a level, and has none for this.
            if model.contains("gemini-3") || model.contains("gemma-4") {
                return Err(refused(format!("`{model}` cannot be asked not to reason")));
            }
            Effort::Budget(0)
        }
        ReasoningEffort::None => Effort::Zero,
        ReasoningEffort::Minimal => Effort::Minimal,
        ReasoningEffort::Low => Effort::Low,
        ReasoningEffort::Medium => Effort::Medium,
        ReasoningEffort::High => Effort::High,
        ReasoningEffort::Xhigh => Effort::XHigh,
        ReasoningEffort::Max => Effort::Max,
        other => return Err(refused(format!("genai has no effort `{}`", other.as_str()))),
    })
}

fn message(native: Native, message: &Message) -> Result<ChatMessage, LlmError> {
    let role = match message.role {
        Role::System => ChatRole::System,
        Role::User => ChatRole::User,
        Role::Assistant => ChatRole::Assistant,
    };
    if message.attachments.is_empty() {
        return Ok(ChatMessage::new(role, message.content.as_str()));
    }
    if message.role != Role::User {
        return Err(refused(format!(
            "{} takes attachments from users only",
            native.name()
        )));
    }
    let mut parts = Vec::new();
    for (text, attachment) in message.pieces() {
        let text = text.trim();
        if !text.is_empty() {
            parts.push(ContentPart::from_text(text));
        }
        if let Some(attachment) = attachment {
            parts.push(part(native, attachment)?);
        }
    }
    Ok(ChatMessage::new(role, MessageContent::from_parts(parts)))
}

fn part(native: Native, attachment: &Attachment) -> Result<ContentPart, LlmError> {
    let media_type = attachment.media_type();
    let name = attachment.name().map(str::to_owned);
    let url = attachment.to_url();
    if attachment.has_bytes() {
        // `data:image/png;base64,…`
        let data = url.rsplit_once(',').map_or("", |(_, data)| data);
        return Ok(ContentPart::from_binary_base64(media_type, data, name));
    }
    if native == Native::Anthropic && attachment.is_image() {
        return Err(refused(format!(
            "genai does not send Anthropic the URL of an image: give the bytes of the one at {url}"
        )));
    }
    Ok(ContentPart::from_binary_url(media_type, url, name))
}

fn refused(message: impl Into<String>) -> LlmError {
    LlmError::new(LlmErrorKind::InvalidRequest, message)
}
