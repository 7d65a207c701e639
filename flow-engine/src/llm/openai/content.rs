//! Messages in the form of chat completions: a text, or parts of text, images and files.

use serde_json::{Value, json};

use crate::attachment::Attachment;
use crate::llm::{LlmError, LlmErrorKind, Message};

pub(super) fn messages(messages: &[Message]) -> Result<Value, LlmError> {
    messages.iter().map(message).collect()
}

fn message(message: &Message) -> Result<Value, LlmError> {
    let content = if message.attachments.is_empty() {
        json!(message.content)
    } else {
        parts(message)?
    };
    Ok(json!({ "role": message.role, "content": content }))
}

fn parts(message: &Message) -> Result<Value, LlmError> {
    let mut parts = Vec::new();
    for (text, attachment) in message.pieces() {
        let text = text.trim();
        if !text.is_empty() {
            parts.push(json!({ "type": "text", "text": text }));
        }
        if let Some(attachment) = attachment {
            parts.push(part(attachment)?);
        }
    }
    Ok(parts.into())
}

fn part(attachment: &Attachment) -> Result<Value, LlmError> {
    let url = attachment.to_url();
    if attachment.is_image() {
        return Ok(json!({ "type": "image_url", "image_url": { "url": url } }));
    }
    if !attachment.has_bytes() {
        let message = format!(
            "chat completions fetch images only: give the bytes of the {} at {url}",
            attachment.media_type()
        );
        return Err(LlmError::new(LlmErrorKind::InvalidRequest, message));
    }
    let name = attachment.name().unwrap_or("attachment");
    Ok(json!({ "type": "file", "file": { "filename": name, "file_data": url } }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{Attached, Role};

    fn with(content: &str, attachments: Vec<(usize, Attachment)>) -> Message {
        let attached = |(at, attachment)| Attached { at, attachment };
        Message {
            attachments: attachments.into_iter().map(attached).collect(),
            ..Message::new(Role::User, content)
        }
    }

    #[test]
    fn attachments_are_parts_between_those_of_the_text() {
        let photo = Attachment::url("image/png", "https://example.com/cat.png");
        let notes = Attachment::bytes("application/pdf", [1]).named("notes.pdf");
        let message = with("Compare é  with this.", vec![(10, photo), (11, notes)]);
        assert_eq!(
            messages(&[message, Message::assistant("No.")]).unwrap(),
            json!([
                { "role": "user", "content": [
                    { "type": "text", "text": "Compare é" },
                    { "type": "image_url", "image_url": { "url": "https://example.com/cat.png" } },
                    { "type": "file", "file": {
                        "filename": "notes.pdf",
                        "file_data": "data:application/pdf;base64,AQ==",
                    } },
                    { "type": "text", "text": "with this." },
                ] },
                { "role": "assistant", "content": "No." },
            ])
        );
    }

    #[test]
    fn a_file_by_its_url_is_refused_before_anything_is_sent() {
        let notes = Attachment::url("application/pdf", "https://example.com/notes.pdf");
        let error = messages(&[with("", vec![(0, notes)])]).unwrap_err();
        assert_eq!(error.kind(), LlmErrorKind::InvalidRequest);
        assert!(error.to_string().contains("give the bytes"), "{error}");
    }

    #[test]
    fn a_place_that_is_none_is_the_nearest_before_it() {
        let photo = || Attachment::url("image/png", "u");
        let message = with("é", vec![(1, photo()), (99, photo())]);
        let pieces: Vec<_> = message.pieces().into_iter().map(|(text, _)| text).collect();
        assert_eq!(pieces, ["", "é", ""]);
    }
}
