//! Attachments in a template: printed, they leave a mark in the text, and are taken out of it again.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use crate::printing::to_value;

/// The attachments of one rendering.
pub(crate) struct Attachments {
    /// A number that no text can know.
    secret: String,
    /// What a mark begins with: the number between characters that no text has.
    opening: String,
    contents: Vec<serde_json::Value>,
}

const BEFORE: char = '\u{fdd0}';
const AFTER: char = '\u{fdd1}';

/// What a template has in the place of an attachment.
#[derive(Debug)]
pub(crate) struct Mark(String);

impl Object for Mark {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Mark {
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl Attachments {
    pub(crate) fn new() -> Self {
        let secret = RandomState::new().build_hasher().finish().to_string();
        Self {
            opening: format!("{BEFORE}{secret}:"),
            secret,
            contents: Vec::new(),
        }
    }

    /// The template's form of an input that is an attachment, or a list of them.
    pub(crate) fn value(&mut self, input: &serde_json::Value) -> Value {
        match input {
            serde_json::Value::Null => to_value(input),
            serde_json::Value::Array(items) => Value::from(
                items
                    .iter()
                    .map(|item| self.value(item))
                    .collect::<Vec<_>>(),
            ),
            content => {
                let mark = format!("{}{}{AFTER}", self.opening, self.contents.len());
                self.contents.push(content.clone());
                Value::from_object(Mark(mark))
            }
        }
    }

    /// The text without marks, and the attachments with the bytes of text before each. `None` if a mark was changed.
    pub(crate) fn taken_from(&self, text: &str) -> Option<(String, Vec<Attached>)> {
        let mut pieces = text.split(&self.opening);
        let mut content = pieces.next().unwrap_or_default().to_owned();
        let mut attached = Vec::new();
        for piece in pieces {
            let (index, rest) = piece.split_once(AFTER)?;
            let found = self.contents.get(index.parse::<usize>().ok()?)?;
            attached.push(Attached {
                at: content.len(),
                content: found.clone(),
            });
            content.push_str(rest);
        }
        // What is left of a mark still has its number.
        (!content.contains(&self.secret)).then_some((content, attached))
    }
}

/// An attachment in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Attached {
    /// How many bytes of the message's text are before it.
    pub at: usize,
    /// The input, or the item of it, as it was given.
    pub content: serde_json::Value,
}
