//! Marks: what cannot be text leaves one where a template prints it, and is put in its place afterwards.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use crate::printing::to_value;

/// What was marked in one rendering.
pub(crate) struct Marks {
    /// A number that no text can know.
    secret: String,
    /// What a mark begins with: the number between characters that no text has.
    opening: String,
    contents: Vec<Marked>,
}

#[derive(Clone)]
enum Marked {
    Attachment(serde_json::Value),
    History(String),
}

const BEFORE: char = '\u{fdd0}';
const AFTER: char = '\u{fdd1}';

/// What a template has in the place of what cannot be text.
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

/// A part of a rendered text.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// Text without blanks around it, with the attachments in it.
    Text(String, Vec<Attached>),
    /// The place of the messages of this input.
    History(String),
}

/// An attachment in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Attached {
    /// How many bytes of the message's text are before it.
    pub at: usize,
    /// The input, or the item of it, as it was given.
    pub content: serde_json::Value,
}

impl Marks {
    pub(crate) fn new() -> Self {
        let secret = RandomState::new().build_hasher().finish().to_string();
        Self {
            opening: format!("{BEFORE}{secret}:"),
            secret,
            contents: Vec::new(),
        }
    }

    /// The template's form of an input that is an attachment, or a list of them.
    pub(crate) fn attachment(&mut self, input: &serde_json::Value) -> Value {
        match input {
            serde_json::Value::Null => to_value(input),
            serde_json::Value::Array(items) => {
                let items = items.iter().map(|item| self.attachment(item));
                Value::from(items.collect::<Vec<_>>())
            }
            content => self.mark(Marked::Attachment(content.clone())),
        }
    }

    /// What a template has where the messages of an input are to be.
    pub(crate) fn history(&mut self, name: &str) -> Value {
        self.mark(Marked::History(name.to_owned()))
    }

    fn mark(&mut self, content: Marked) -> Value {
        let mark = format!("{}{}{AFTER}", self.opening, self.contents.len());
        self.contents.push(content);
        Value::from_object(Mark(mark))
    }

    /// The parts of a text, without its marks and its blank parts. `None` if a mark was changed.
    pub(crate) fn taken_from(&self, text: &str) -> Option<Vec<Piece>> {
        let mut found = Vec::new();
        let (mut content, mut attached) = (String::new(), Vec::new());
        let mut parts = text.split(&self.opening);
        content.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (index, rest) = part.split_once(AFTER)?;
            match self.contents.get(index.parse::<usize>().ok()?)? {
                Marked::Attachment(content_of) => attached.push(Attached {
                    at: content.len(),
                    content: content_of.clone(),
                }),
                Marked::History(name) => {
                    push(&mut found, &mut content, &mut attached);
                    found.push(Piece::History(name.clone()));
                }
            }
            content.push_str(rest);
        }
        push(&mut found, &mut content, &mut attached);
        // What is left of a mark still has its number.
        let is_whole = |piece: &Piece| match piece {
            Piece::Text(text, _) => !text.contains(&self.secret),
            Piece::History(_) => true,
        };
        found.iter().all(is_whole).then_some(found)
    }
}

/// Adds a text, unless there is nothing in it.
fn push(found: &mut Vec<Piece>, content: &mut String, attached: &mut Vec<Attached>) {
    let text = std::mem::take(content);
    let mut attached = std::mem::take(attached);
    let blank = text.len() - text.trim_start().len();
    let text = text.trim();
    for Attached { at, .. } in &mut attached {
        *at = at.saturating_sub(blank).min(text.len());
    }
    if !text.is_empty() || !attached.is_empty() {
        found.push(Piece::Text(text.to_owned(), attached));
    }
}
