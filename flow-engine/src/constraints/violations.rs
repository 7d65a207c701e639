//! What does not hold, and where. No value is told: it may be a secret, and whoever gave it has it.

use std::fmt::{Display, Write as _};

use serde::Serialize;
use serde_json::Value;

use super::Check;

/// How many are told one by one; the others are counted.
const MOST: usize = 5;
/// In characters: what is told of one of them.
const LONGEST: usize = 200;
/// In characters: what is told of a map's key.
const LONGEST_KEY: usize = 40;

/// What does not hold in a value, as it is being looked through.
#[derive(Debug, Default)]
pub struct Violations {
    /// From the whole value to the part that is looked at.
    path: Vec<Segment>,
    told: Vec<String>,
    count: usize,
}

#[derive(Debug)]
enum Segment {
    Field(&'static str),
    Item(usize),
    Key(String),
}

impl Violations {
    /// All that a check finds in a value: `at `sections[2].title`: length is greater than 80; …`.
    pub(crate) fn of<T>(value: &T, check: impl FnOnce(&T, &mut Self)) -> Option<String> {
        let mut found = Self::default();
        check(value, &mut found);
        found.message()
    }

    /// Looks at a field.
    pub fn field<T>(&mut self, name: &'static str, value: &T, check: impl FnOnce(&T, &mut Self)) {
        self.path.push(Segment::Field(name));
        check(value, self);
        self.path.pop();
    }

    /// Looks at an item of a list, or a part of a tuple.
    pub fn item<T>(&mut self, index: usize, value: &T, check: impl FnOnce(&T, &mut Self)) {
        self.path.push(Segment::Item(index));
        check(value, self);
        self.path.pop();
    }

    /// Looks at a value of a map.
    pub(super) fn entry<T>(&mut self, key: &impl Serialize, value: &T, check: Check<T>) {
        let key = match serde_json::to_value(key) {
            Ok(Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(_) => "?".to_owned(),
        };
        self.path.push(Segment::Key(cut(&key, LONGEST_KEY)));
        check(value, self);
        self.path.pop();
    }

    /// Adds what does not hold here, if it does not.
    pub(super) fn keep(&mut self, outcome: Result<(), impl Display>) {
        let Err(reason) = outcome else { return };
        self.count += 1;
        if self.told.len() == MOST {
            return;
        }
        let path = self.path();
        let told = if path.is_empty() {
            reason.to_string()
        } else {
            format!("at `{path}`: {reason}")
        };
        self.told.push(cut(&told, LONGEST));
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for segment in &self.path {
            let dot = if path.is_empty() { "" } else { "." };
            // Writing to a string does not fail.
            let _ = match segment {
                Segment::Field(name) => write!(path, "{dot}{name}"),
                Segment::Item(index) => write!(path, "[{index}]"),
                Segment::Key(key) => write!(path, "{dot}{key}"),
            };
        }
        path
    }

    fn message(mut self) -> Option<String> {
        let more = self.count - self.told.len();
        if more > 0 {
            self.told.push(format!("and {more} more"));
        }
        (!self.told.is_empty()).then(|| self.told.join("; "))
    }
}

/// The beginning of a text, on one line.
pub(super) fn cut(text: &str, longest: usize) -> String {
    let mut letters = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut line: String = letters.by_ref().take(longest).collect();
    if letters.next().is_some() {
        line.push('…');
    }
    line
}
