//! Secret inputs: what is recorded and shown in their place.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

/// Stands for a secret wherever one would be kept or shown.
const SHOWN: &str = "[secret]";

/// In characters. Shorter ones are parts of too many words: they are hidden where they are inputs, and nowhere else.
const SHORTEST: usize = 4;

/// The inputs without the values of those that are `names`, and without the texts of `secrets` in the others.
pub(crate) fn redacted<'a>(
    names: &[&str],
    secrets: &Secrets,
    inputs: &'a Map<String, Value>,
) -> Cow<'a, Map<String, Value>> {
    if names.is_empty() && secrets.0.is_empty() {
        return Cow::Borrowed(inputs);
    }
    let mut redacted = inputs.clone();
    for (name, value) in &mut redacted {
        if !names.contains(&name.as_str()) {
            secrets.hide_in(value);
        } else if !value.is_null() {
            *value = SHOWN.into();
        }
    }
    Cow::Owned(redacted)
}

/// The first of `names` whose value was not recorded.
pub(crate) fn unrecorded<'n>(names: &[&'n str], inputs: &Map<String, Value>) -> Option<&'n str> {
    let is_hidden = |name: &&&str| inputs.get(**name).is_some_and(|value| value == SHOWN);
    names.iter().find(is_hidden).copied()
}

/// The texts that must be left nowhere.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// All texts and numbers in the inputs that are `names`.
    pub(crate) fn of(names: &[&str], inputs: &Map<String, Value>) -> Self {
        let mut secrets = Self::default();
        for value in names.iter().filter_map(|name| inputs.get(*name)) {
            secrets.collect(value);
        }
        secrets.in_order()
    }

    /// These, and those of another call.
    pub(crate) fn and(&self, others: &Self) -> Self {
        Self([&self.0[..], &others.0].concat()).in_order()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn collect(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.collect_text(text),
            Value::Number(number) => self.collect_text(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.collect_text(name);
                    self.collect(field);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The whole, and its lines: templates and providers cut off blanks.
    fn collect_text(&mut self, text: &str) {
        let parts = std::iter::once(text).chain(text.lines()).map(str::trim);
        let long_enough = parts.filter(|part| part.chars().count() >= SHORTEST);
        self.0.extend(long_enough.map(str::to_owned));
    }

    /// A longer one may hold a shorter one.
    fn in_order(mut self) -> Self {
        self.0
            .sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.0.dedup();
        self
    }

    /// The text without them. In a JSON document they are escaped, and it stays one.
    pub(crate) fn hidden_in<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        let document: Option<Value> = text
            .trim_start()
            .starts_with(['{', '['])
            .then(|| serde_json::from_str(text).ok())
            .flatten();
        let Some(document) = document else {
            return self.hidden_in_words(text);
        };
        let mut hidden = document.clone();
        self.hide_in(&mut hidden);
        if hidden == document {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(hidden.to_string())
        }
    }

    fn hidden_in_words<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut hidden = Cow::Borrowed(text);
        for secret in &self.0 {
            if hidden.contains(secret) {
                hidden = Cow::Owned(hidden.replace(secret, SHOWN));
            }
        }
        hidden
    }

    /// Takes them out of every text of a JSON document. Numbers stay what they are unless they are secrets.
    pub(crate) fn hide_in(&self, json: &mut Value) {
        match json {
            Value::String(text) => {
                if let Cow::Owned(hidden) = self.hidden_in(text) {
                    *text = hidden;
                }
            }
            Value::Number(number) if self.0.contains(&number.to_string()) => *json = SHOWN.into(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(fields) => {
                for field in fields.values_mut() {
                    self.hide_in(field);
                }
                if fields.keys().any(|name| self.0.contains(name)) {
                    let named = std::mem::take(fields).into_iter();
                    *fields = named
                        .map(|(name, field)| (self.hidden_in_words(&name).into_owned(), field))
                        .collect();
                }
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(json: &Value) -> &Map<String, Value> {
        json.as_object().unwrap()
    }

    #[test]
    fn only_what_is_there_is_redacted_and_what_repeats_it() {
        let inputs = json!({ "key": "k-1234", "none": null, "pin": 7, "text": "the k-1234 of 7" });
        let names = ["key", "none", "pin", "other"];
        let secrets = Secrets::of(&names, object(&inputs));
        let shown = redacted(&names, &secrets, object(&inputs));
        assert_eq!(
            Value::from(shown.into_owned()),
            json!({ "key": "[secret]", "none": null, "pin": "[secret]", "text": "the [secret] of 7" })
        );
        let none = Secrets::default();
        assert!(matches!(
            redacted(&[], &none, object(&inputs)),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn a_secret_is_hidden_in_every_form_and_json_stays_json() {
        let inputs = json!({ "key": { "name": ["top\"\nline two ", 4200] } });
        let secrets = Secrets::of(&["key"], object(&inputs));
        for (text, hidden) in [
            ("is top\"\nline two!", "is [secret]!"),
            ("only line two", "only [secret]"),
            (
                r#"{"a":"x top\"\nline two","index":4200,"b":420}"#,
                r#"{"a":"x [secret]","index":"[secret]","b":420}"#,
            ),
            (r#"{"a":"l\u0069ne two"}"#, r#"{"a":"[secret]"}"#),
            (r#"{"line two":1}"#, r#"{"[secret]":1}"#),
            (r#"{ "kept": 1 }"#, r#"{ "kept": 1 }"#),
        ] {
            assert_eq!(secrets.hidden_in(text), hidden, "{text}");
        }
        assert!(!format!("{secrets:?}").contains("top"));
    }

    #[test]
    fn short_ones_are_parts_of_other_words() {
        let inputs = json!({ "key": "abc", "pin": 123 });
        let secrets = Secrets::of(&["key", "pin"], object(&inputs));
        assert_eq!(secrets.hidden_in("abc 123"), "abc 123");
    }
}
