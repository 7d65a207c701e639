//! How a server is asked for JSON of a schema: by the schema, or in words where it takes none.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::configuration;
use crate::error::Error;
use crate::llm::{LlmRequest, Message, OutputFormat, Role};

/// How an [`OpenAiBackend`](super::OpenAiBackend) asks for JSON of a schema. That is its own affair: what is recorded is recalled
/// also where another way is set. The ledger has the body as it was sent.
///
/// Not every compatible server knows `json_schema`. Without it, the schema is written at the end of the system message, and an answer
/// is held to it only when it is read: `on_invalid` says how often the model is asked again.
///
/// ```
/// use flow_engine::llm::{OpenAiBackend, StructuredOutput};
///
/// let backend = OpenAiBackend::new("http://127.0.0.1:8080/v1", "")?
///     .with_structured_output(StructuredOutput::JsonObject);
/// # let _ = backend;
/// # Ok::<(), flow_engine::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StructuredOutput {
    /// The server holds the model to the schema.
    #[default]
    JsonSchema,
    /// The server holds the model to JSON; the prompt says of which schema.
    JsonObject,
    /// The prompt says it all.
    Prompt,
}

impl StructuredOutput {
    const ALL: [Self; 3] = [Self::JsonSchema, Self::JsonObject, Self::Prompt];

    /// The word for it in the variable `OPENAI_STRUCTURED_OUTPUT`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JsonSchema => "json_schema",
            Self::JsonObject => "json_object",
            Self::Prompt => "prompt",
        }
    }

    pub(super) fn named(word: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|way| way.as_str() == word);
        known.ok_or_else(|| {
            configuration(format!(
                "OPENAI_STRUCTURED_OUTPUT is `{word}`; it can be `json_schema`, `json_object` or `prompt`"
            ))
        })
    }
}

/// The field of that name.
pub(super) fn response_format(way: StructuredOutput, format: &OutputFormat) -> Option<Value> {
    let OutputFormat::JsonSchema {
        name,
        schema,
        strict,
    } = format
    else {
        return None;
    };
    match way {
        StructuredOutput::JsonSchema => Some(json!({
            "type": "json_schema",
            "json_schema": { "name": name, "strict": strict, "schema": schema },
        })),
        StructuredOutput::JsonObject => Some(json!({ "type": "json_object" })),
        StructuredOutput::Prompt => None,
    }
}

/// The messages, with the schema where the server is not sent it.
pub(super) fn asked_for(way: StructuredOutput, request: &LlmRequest) -> Cow<'_, [Message]> {
    let messages = &request.messages;
    let schema = match &request.format {
        OutputFormat::JsonSchema { schema, .. } if way != StructuredOutput::JsonSchema => schema,
        _ => return Cow::Borrowed(messages),
    };
    let words = format!(
        "Answer with one JSON object and nothing else: no words before or after it, no code fence. It must fit this JSON \
         schema:\n{schema}"
    );
    let mut messages = messages.clone();
    let after_system = messages
        .iter()
        .position(|message| message.role != Role::System)
        .unwrap_or(messages.len());
    // Into the last system message: the templates of many models take one only.
    match after_system.checked_sub(1) {
        Some(last) => {
            let content = &mut messages[last].content;
            *content = format!("{}\n\n{words}", content.trim_end());
        }
        None => messages.insert(0, Message::system(words)),
    }
    Cow::Owned(messages)
}
