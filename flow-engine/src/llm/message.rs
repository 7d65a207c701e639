//! What is said to a model.

use flow_engine_prompt::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{LlmError, LlmErrorKind};
use crate::attachment::Attachment;
use crate::secret::Secrets;

/// One message of a request. An input of type `Vec<Message>` is a history: it stands in a prompt where `{{ history }}` is alone
/// on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Who speaks.
    #[schemars(schema_with = "role")]
    pub role: Role,
    /// What is said.
    pub content: String,
    /// What is shown with it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attached>,
}

/// An attachment of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attached {
    /// How many bytes of the message's text are before it.
    pub at: usize,
    /// What is shown.
    pub attachment: Attachment,
}

impl Message {
    /// A message without attachments.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            attachments: Vec::new(),
        }
    }

    /// Instructions.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// What a user says.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// What a model answered.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// Takes secrets out of its text and its attachments.
    pub(super) fn hide(&mut self, secrets: &Secrets) -> Result<(), LlmError> {
        self.content = secrets.hidden_in(&self.content).into_owned();
        for attached in &mut self.attachments {
            let unreadable = |error: serde_json::Error| {
                let message = format!("an attachment without its secrets does not read: {error}");
                LlmError::new(LlmErrorKind::InvalidRequest, message)
            };
            let mut json = serde_json::to_value(&attached.attachment).map_err(unreadable)?;
            secrets.hide_in(&mut json);
            attached.attachment = serde_json::from_value(json).map_err(unreadable)?;
        }
        Ok(())
    }

    /// The text, taken apart where its attachments stand: each piece with the attachment that follows it.
    pub fn pieces(&self) -> Vec<(&str, Option<&Attachment>)> {
        let mut pieces = Vec::with_capacity(self.attachments.len() + 1);
        let mut rest = 0;
        for Attached { at, attachment } in &self.attachments {
            let at = self.content.floor_char_boundary(*at).max(rest);
            pieces.push((&self.content[rest..at], Some(attachment)));
            rest = at;
        }
        pieces.push((&self.content[rest..], None));
        pieces
    }
}

fn role(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": Role::ALL.map(Role::as_str) })
}
