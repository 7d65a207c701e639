//! What identifies a call in a run's journal, and never a position in the program: the step's name and version, the
//! content that it reads, and the schema that its answer is held to.
//!
//! # The encoding `canonical-1/sha256`
//!
//! A hash is the SHA-256 of: *text*(`canonical-1/sha256`), *text*(purpose), *value*. `u64` is 8 bytes, big endian;
//! *text* is its length in bytes as `u64`, then its UTF-8 bytes, not normalised. A *value* is a tag of one ASCII byte and:
//!
//! | tag | value | then |
//! |---|---|---|
//! | `n` | null | nothing |
//! | `t`, `f` | true, false | nothing |
//! | `i` | a number without `.` and exponent | *text* of its decimal digits, after `-` if it is negative |
//! | `d` | any other number that reads as `serde_json` prints an `f64` | the 8 bytes of its IEEE 754 bits, big endian |
//! | `x` | any number else | *text* as `serde_json` prints it: `1e400` as `1e+400` |
//! | `s` | string | *text* |
//! | `a` | array | count as `u64`, then each element's *value* |
//! | `o` | object | count as `u64`, then for each key, sorted by its bytes: *text* of the key, *value* |
//!
//! `x` and integers beyond 64 bits exist only under `serde_json`'s `arbitrary_precision`, which a user's program may turn
//! on. Two numbers that print differently never have one hash.
//!
//! A call's key is the hash, with the purpose `call`, of the array of its step's name (string), version (integer), and
//! content and schema (hashes as strings of 64 hex digits; no schema is null).

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// The name of the algorithm, stored beside every hash.
pub(crate) const ALGORITHM: &str = "canonical-1/sha256";

/// The hash of a JSON value. Equal values have equal hashes, whatever the order of their keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    /// Hashes for different purposes are never equal.
    pub(crate) fn of(purpose: &str, value: &Value) -> Self {
        Self::written(purpose, |canonical| canonical.value(value))
    }

    /// The same as [`Hash::of`] of the object.
    pub(crate) fn of_object(purpose: &str, object: &Map<String, Value>) -> Self {
        Self::written(purpose, |canonical| canonical.object(object))
    }

    fn written(purpose: &str, write: impl FnOnce(&mut Canonical)) -> Self {
        let mut canonical = Canonical(Sha256::new());
        canonical.text(ALGORITHM);
        canonical.text(purpose);
        write(&mut canonical);
        Self(canonical.0.finalize().into())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 hex digits, for labels.
    pub(crate) fn short(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(16);
        hex
    }
}

impl FromStr for Hash {
    type Err = NotAHash;

    fn from_str(hex: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; 32];
        // Digits are ASCII, so a text of other characters is refused and never cut in half.
        if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotAHash);
        }
        for (byte, place) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&hex[place..place + 2], 16).map_err(|_| NotAHash)?;
        }
        Ok(Self(bytes))
    }
}

/// A text that is not 64 hex digits.
#[derive(Debug)]
pub(crate) struct NotAHash;

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What identifies a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Identity {
    /// Of all the rest: what the journal is asked for.
    pub(crate) key: Hash,
    pub(crate) content: Hash,
    pub(crate) schema: Option<Hash>,
}

impl Identity {
    pub(crate) fn new(name: &str, version: i32, content: Hash, schema: Option<Hash>) -> Self {
        let call = Value::from(vec![
            Value::from(name),
            Value::from(version),
            Value::from(content.to_string()),
            Value::from(schema.map(|schema| schema.to_string())),
        ]);
        Self {
            key: Hash::of("call", &call),
            content,
            schema,
        }
    }
}

/// Writes values in the canonical encoding.
struct Canonical(Sha256);

impl Canonical {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.tag(b'n'),
            Value::Bool(true) => self.tag(b't'),
            Value::Bool(false) => self.tag(b'f'),
            Value::Number(number) => self.number(number),
            Value::String(text) => {
                self.tag(b's');
                self.text(text);
            }
            Value::Array(elements) => {
                self.tag(b'a');
                self.count(elements.len());
                for element in elements {
                    self.value(element);
                }
            }
            Value::Object(object) => self.object(object),
        }
    }

    fn object(&mut self, object: &Map<String, Value>) {
        self.tag(b'o');
        self.count(object.len());
        let mut entries: Vec<_> = object.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
        for (key, value) in entries {
            self.text(key);
            self.value(value);
        }
    }

    /// Decides by the text, which is there under every feature of `serde_json`.
    fn number(&mut self, number: &Number) {
        let written = number.to_string();
        if !written.contains(['.', 'e', 'E']) {
            self.tag(b'i');
            return self.text(&written);
        }
        let float = number.as_f64().filter(|float| {
            Number::from_f64(*float).is_some_and(|number| number.to_string() == written)
        });
        if let Some(float) = float {
            self.tag(b'd');
            self.0.update(float.to_bits().to_be_bytes());
        } else {
            self.tag(b'x');
            self.text(&written);
        }
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text);
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    fn tag(&mut self, tag: u8) {
        self.0.update([tag]);
    }
}
