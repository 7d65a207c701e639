//! JSON that a model dressed up: what is around it is taken off, a comma too many left out, nothing ever added.
//!
//! One pass, in which text, code fences and thoughts are told apart outside of brackets only: what stands in a JSON string is
//! never taken for any of them. Brackets that do not close are an error, so half an answer stays half. No crate is used:
//! readers of JSON5 take far more than a comma too many, and the brackets have to be found in the prose first.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was taken off an answer before it was JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repair {
    /// A byte-order mark.
    ByteOrderMark,
    /// What a reasoning model thought: `<think>…</think>`, also where the opening tag is part of its prompt.
    Thinking,
    /// A code fence around the JSON.
    CodeFence,
    /// Words before or after the JSON.
    SurroundingText,
    /// A comma after the last item of a list or the last field of an object.
    TrailingComma,
}

impl Repair {
    /// The word under `repaired` in the column `flow_step_runs.step_metadata`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte_order_mark",
            Self::Thinking => "thinking",
            Self::CodeFence => "code_fence",
            Self::SurroundingText => "surrounding_text",
            Self::TrailingComma => "trailing_comma",
        }
    }
}

/// Why no JSON was found in an answer.
#[derive(Debug)]
pub(super) enum Unrepaired {
    /// Nothing in it looks like JSON.
    Nothing,
    /// A bracket, a text or a thought has no end.
    Unclosed,
    /// Which of several documents is meant, it does not say.
    Ambiguous,
    /// What looks like the JSON is none.
    Invalid(serde_json::Error),
}

const BYTE_ORDER_MARK: char = '\u{feff}';
const THINK: &str = "<think>";
const THOUGHT: &str = "</think>";
const THOUGHT_IN_LINE: &str = "\n</think>";
/// What opens and closes a code fence; it may be longer.
const FENCE: &str = "```";

/// The JSON in a whole answer that is none as it stands, and what was repaired.
pub(super) fn repaired(answer: &str) -> Result<(Value, Vec<Repair>), Unrepaired> {
    let mut repairs = Vec::new();
    let bare = answer.trim();
    let text = bare.trim_start_matches(BYTE_ORDER_MARK);
    if text.len() < bare.len() {
        repairs.push(Repair::ByteOrderMark);
    }
    let found = Found::in_text(text)?;
    if found.thinking {
        repairs.push(Repair::Thinking);
    }
    if let Ok(value) = serde_json::from_str(&text[found.begin..]) {
        return Ok((value, repairs));
    }
    let (span, others) = match (&found.fenced, &found.bare) {
        (Place::One(span), bare) => {
            repairs.push(Repair::CodeFence);
            (span, !matches!(bare, Place::None) || found.fences > 2)
        }
        (Place::None, Place::One(span)) => (span, found.fences > 0),
        (Place::None, Place::None) => return Err(Unrepaired::Nothing),
        _ => return Err(Unrepaired::Ambiguous),
    };
    if found.words || others {
        repairs.push(Repair::SurroundingText);
    }
    let (value, without_comma) = read(&text[span.clone()]).map_err(Unrepaired::Invalid)?;
    if without_comma {
        repairs.push(Repair::TrailingComma);
    }
    Ok((value, repairs))
}

/// The documents of a kind of place.
#[derive(Debug, Default)]
enum Place {
    #[default]
    None,
    One(Range<usize>),
    Several,
}

impl Place {
    fn add(&mut self, span: Range<usize>) {
        *self = match self {
            Self::None => Self::One(span),
            Self::One(_) | Self::Several => Self::Several,
        };
    }
}

/// What stands outside of brackets.
#[derive(Debug, Default)]
struct Found {
    /// After the thoughts before which there is nothing else.
    begin: usize,
    thinking: bool,
    /// In fences of JSON, or of nothing that is said.
    fenced: Place,
    bare: Place,
    /// How many markers of fences.
    fences: usize,
    words: bool,
}

impl Found {
    fn in_text(text: &str) -> Result<Self, Unrepaired> {
        let bytes = text.as_bytes();
        let mut found = Self::default();
        let mut at = end_of_thought(text);
        if at > 0 {
            (found.begin, found.thinking) = (at, true);
        }
        // The word after the marker of the fence that is open.
        let mut fence: Option<&str> = None;
        while let Some(&byte) = bytes.get(at) {
            let rest = &bytes[at..];
            if matches!(byte, b'{' | b'[') {
                let span = at..at + document(rest).ok_or(Unrepaired::Unclosed)?;
                at = span.end;
                if is_prose(&text[span.clone()]) {
                    found.words = true;
                } else if fence.is_some_and(is_json) {
                    found.fenced.add(span);
                } else {
                    found.bare.add(span);
                }
            } else if rest.starts_with(FENCE.as_bytes()) {
                at += run(rest, |byte| byte == b'`');
                let word = &text[at..at + run(&bytes[at..], is_of_word)];
                at += word.len();
                found.fences += 1;
                // A word opens a fence, also within another one.
                fence = (fence.is_none() || !word.is_empty()).then_some(word);
            } else if rest.starts_with(THINK.as_bytes()) {
                let length = text[at..].find(THOUGHT).ok_or(Unrepaired::Unclosed)?;
                at += length + THOUGHT.len();
                found.thinking = true;
                if found.is_empty() {
                    found.begin = at;
                }
            } else if rest.starts_with(THOUGHT.as_bytes()) {
                // It began in the prompt: all before it was thought.
                at += THOUGHT.len();
                found = Self {
                    begin: at,
                    thinking: true,
                    ..Self::default()
                };
                fence = None;
            } else {
                found.words |= !byte.is_ascii_whitespace();
                at += 1;
            }
        }
        Ok(found)
    }

    fn is_empty(&self) -> bool {
        let documents = (&self.fenced, &self.bare);
        matches!(documents, (Place::None, Place::None)) && self.fences == 0 && !self.words
    }
}

/// Where a thought ends that began in the prompt, by a closing tag at the begin of a line, as the models write it; else 0. No
/// string of JSON has a line break in it, so whatever brackets are open there were thought.
fn end_of_thought(text: &str) -> usize {
    let Some(at) = text.find(THOUGHT_IN_LINE) else {
        return 0;
    };
    let end = at + THOUGHT_IN_LINE.len();
    let ends_line = text.as_bytes().get(end).is_none_or(u8::is_ascii_whitespace);
    if ends_line && !text[..at].contains(THINK) {
        end
    } else {
        0
    }
}

fn run(bytes: &[u8], is_of_it: impl Fn(u8) -> bool) -> usize {
    let end = bytes.iter().position(|byte| !is_of_it(*byte));
    end.unwrap_or(bytes.len())
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+')
}

fn is_json(word: &str) -> bool {
    ["", "json", "jsonc", "json5"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

/// The length of the object or list that the bytes begin with; none if it is not closed. Which bracket closes which is left to
/// the parser: there is an end before the text's only where there is one of each.
fn document(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether brackets hold words, as in `[a link](address)`.
fn is_prose(span: &str) -> bool {
    span.starts_with('[') && !span.contains(['{', '"']) && read(span).is_err()
}

/// A document, and whether it had a comma too many.
fn read(span: &str) -> serde_json::Result<(Value, bool)> {
    let error = match serde_json::from_str(span) {
        Ok(value) => return Ok((value, false)),
        Err(error) => error,
    };
    match without_trailing_commas(span) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(span) => Ok((serde_json::from_str(&span)?, true)),
    }
}

/// Without the commas that follow a value and come before a closing bracket. Brackets hold nothing else than JSON here.
fn without_trailing_commas(span: &str) -> Cow<'_, str> {
    let (mut in_string, mut escaped) = (false, false);
    // The last byte that is no white space, and the comma after a value after which nothing else came.
    let (mut last, mut comma) = (b'[', None);
    let (mut kept, mut from) = (String::new(), 0);
    for (at, byte) in span.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => (in_string, comma, last) = (!in_string, None, byte),
            _ if in_string || byte.is_ascii_whitespace() => {}
            b',' => {
                let follows_value = !matches!(last, b'{' | b'[' | b',' | b':');
                (comma, last) = (follows_value.then_some(at), byte);
            }
            _ => {
                if let (Some(comma), b'}' | b']') = (comma.take(), byte) {
                    kept.push_str(&span[from..comma]);
                    from = comma + 1;
                }
                last = byte;
            }
        }
    }
    if from == 0 {
        return Cow::Borrowed(span);
    }
    kept.push_str(&span[from..]);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests;
