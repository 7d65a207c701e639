//! Secret inputs: what is recorded and shown in their place.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

/// Stands for a secret wherever one would be kept or shown.
const SHOWN: &str = "[secret]";

/// The inputs as they are recorded: without the values of those that are `names`.
pub(crate) fn redacted<'a>(
    names: &[&str],
    inputs: &'a Map<String, Value>,
) -> Cow<'a, Map<String, Value>> {
    let is_there = |name: &&&str| inputs.get(**name).is_some_and(|value| !value.is_null());
    let mut redacted = Cow::Borrowed(inputs);
    for name in names.iter().filter(is_there) {
        redacted
            .to_mut()
            .insert((*name).to_owned(), Value::from(SHOWN));
    }
    redacted
}

/// The first of `names` whose value was not recorded.
pub(crate) fn unrecorded<'n>(names: &[&'n str], inputs: &Map<String, Value>) -> Option<&'n str> {
    let is_hidden = |name: &&&str| inputs.get(**name).is_some_and(|value| value == SHOWN);
    names.iter().find(is_hidden).copied()
}

/// The texts that a call must not leave anywhere.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// All texts and numbers in the inputs that are `names`.
    pub(crate) fn of(names: &[&str], inputs: &Map<String, Value>) -> Self {
        let mut texts = Vec::new();
        for value in names.iter().filter_map(|name| inputs.get(*name)) {
            collect(value, &mut texts);
        }
        // A longer one may hold a shorter one.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(texts)
    }

    /// The text without them, also where it is JSON and they are escaped.
    pub(crate) fn hidden_in<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut hidden = Cow::Borrowed(text);
        for secret in &self.0 {
            let escaped = Value::from(secret.as_str()).to_string();
            for form in [secret.as_str(), escaped.trim_matches('"')] {
                if hidden.contains(form) {
                    hidden = Cow::Owned(hidden.replace(form, SHOWN));
                }
            }
        }
        hidden
    }

    /// Takes them out of every text of a JSON document. Numbers stay what they are unless they are secrets.
    pub(crate) fn hide_in(&self, json: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match json {
            Value::String(text) => {
                if let Cow::Owned(hidden) = self.hidden_in(text) {
                    *text = hidden;
                }
            }
            Value::Number(number) if self.0.contains(&number.to_string()) => *json = SHOWN.into(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.hide_in(field)),
            _ => {}
        }
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => texts.push(text.clone()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        _ => {}
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
    fn only_what_is_there_is_redacted() {
        let inputs = json!({ "key": "k", "none": null, "text": "k" });
        let shown = redacted(&["key", "none", "other"], object(&inputs));
        assert_eq!(
            Value::from(shown.into_owned()),
            json!({ "key": "[secret]", "none": null, "text": "k" })
        );
        assert!(matches!(redacted(&[], object(&inputs)), Cow::Borrowed(_)));
    }

    #[test]
    fn a_secret_is_hidden_in_every_form() {
        let inputs = json!({ "key": { "a": ["top\"\n", 42, "to"] } });
        let secrets = Secrets::of(&["key"], object(&inputs));
        assert_eq!(secrets.hidden_in("is top\"\n!"), "is [secret]!");
        assert_eq!(
            secrets.hidden_in(r#"{"a":"top\"\n"}"#),
            r#"{"a":"[secret]"}"#
        );
        let mut body = json!({ "text": "x top\"\n x to", "n": 42, "m": 43 });
        secrets.hide_in(&mut body);
        assert_eq!(
            body,
            json!({ "text": "x [secret] x [secret]", "n": "[secret]", "m": 43 })
        );
        assert!(!format!("{secrets:?}").contains("top"));
    }
}
