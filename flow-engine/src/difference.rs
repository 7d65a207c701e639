//! Where two JSON documents differ, to explain why a step ran again.

use std::fmt;

use serde_json::{Map, Value};

/// How much of a text is shown, and how much of that lies before the difference, in characters.
const SHOWN: usize = 60;
const BEFORE_DIFFERENCE: usize = 20;

/// One place at which two JSON documents differ.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Where: `messages[0].content`, `tags["a b"]`; empty for the document itself.
    pub path: String,
    /// What was there; `None` if nothing was.
    pub before: Option<Value>,
    /// What is there now; `None` if nothing is.
    pub after: Option<Value>,
}

/// On one line: `messages[0].content: "old text" → "new text"`. Long texts are cut around their first difference.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() {
            "value"
        } else {
            &self.path
        };
        let before = self.before.as_ref().map(text).unwrap_or_default();
        let after = self.after.as_ref().map(text).unwrap_or_default();
        let start = window_start(&before, &after);
        write!(
            f,
            "{path}: {} → {}",
            shown(self.before.as_ref(), &before, start),
            shown(self.after.as_ref(), &after, start)
        )
    }
}

/// A string without its quotes, so that it is not cut inside of an escape.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Both texts are shown from the same character on.
fn window_start(before: &str, after: &str) -> usize {
    let same = before
        .chars()
        .zip(after.chars())
        .take_while(|(before, after)| before == after)
        .count();
    let longest = before.chars().count().max(after.chars().count());
    if longest <= SHOWN || same + BEFORE_DIFFERENCE <= SHOWN {
        0
    } else {
        same - BEFORE_DIFFERENCE
    }
}

fn shown(value: Option<&Value>, text: &str, start: usize) -> String {
    let Some(value) = value else {
        return "(none)".to_owned();
    };
    let mut rest = text.chars().skip(start);
    let mut shown = String::from(if start > 0 { "…" } else { "" });
    shown.extend(rest.by_ref().take(SHOWN));
    if rest.next().is_some() {
        shown.push('…');
    }
    if value.is_string() {
        shown = Value::from(shown).to_string();
    }
    shown
}

/// Everything that differs, in the order of `before`; what is new in an object comes after what was there.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut changes);
    changes
}

fn compare(path: String, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            objects(&path, before, after, changes);
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            arrays(&path, before, after, changes);
        }
        (Some(before), Some(after)) if same(before, after) => {}
        (before, after) => changes.push(Change {
            path,
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

fn objects(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    for (key, value) in before {
        compare(field(path, key), Some(value), after.get(key), changes);
    }
    for (key, value) in after {
        if !before.contains_key(key) {
            compare(field(path, key), None, Some(value), changes);
        }
    }
}

/// What both begin and end with is set aside, so that an element more or less is one change.
fn arrays(path: &str, before: &[Value], after: &[Value], changes: &mut Vec<Change>) {
    let start = leading_same(before.iter().zip(after));
    let (before, after) = (&before[start..], &after[start..]);
    let end = leading_same(before.iter().rev().zip(after.iter().rev()));
    let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
    for index in 0..before.len().max(after.len()) {
        let path = format!("{path}[{}]", start + index);
        compare(path, before.get(index), after.get(index), changes);
    }
}

fn leading_same<'a>(pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> usize {
    pairs.take_while(|(a, b)| same(a, b)).count()
}

/// As identity sees them: numbers by how they are printed, so that 1 and 1.0 differ, and 0.0 and -0.0.
fn same(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Number(before), Value::Number(after)) => before.to_string() == after.to_string(),
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len() && before.iter().zip(after).all(|(a, b)| same(a, b))
        }
        (Value::Object(before), Value::Object(after)) => {
            before.len() == after.len()
                && before
                    .iter()
                    .all(|(key, a)| after.get(key).is_some_and(|b| same(a, b)))
        }
        (before, after) => before == after,
    }
}

/// The path to a field of the object at `path`.
fn field(path: &str, key: &str) -> String {
    let identifier = key.starts_with(|c: char| c == '_' || c.is_alphabetic())
        && key.chars().all(|c| c == '_' || c.is_alphanumeric());
    match (identifier, path) {
        (true, "") => key.to_owned(),
        (true, path) => format!("{path}.{key}"),
        (false, path) => format!("{path}[{}]", Value::from(key)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Change, changes};

    /// The changes between two JSON texts, as they are shown.
    fn shown(before: &str, after: &str) -> String {
        let [before, after] = [before, after].map(|json| serde_json::from_str(json).unwrap());
        let changes = changes(&before, &after);
        let lines: Vec<_> = changes.iter().map(Change::to_string).collect();
        lines.join(" | ")
    }

    #[test]
    fn equal_documents_have_no_changes() {
        let document = r#"{"a": [1, 1.5, null], "b": {"c": "d", "e": true}}"#;
        let reordered = r#"{"b": {"e": true, "c": "d"}, "a": [1, 1.5, null]}"#;
        assert_eq!(shown(document, document), "");
        assert_eq!(shown(document, reordered), "");
    }

    #[test]
    fn a_change_has_its_path_and_both_values() {
        let document = |text: &str| json!({ "messages": [{ "role": "user", "content": text }] });
        let change = Change {
            path: "messages[0].content".to_owned(),
            before: Some(Value::from("old text")),
            after: Some(Value::from("new text")),
        };
        let line = r#"messages[0].content: "old text" → "new text""#;
        assert_eq!(change.to_string(), line);
        assert_eq!(
            changes(&document("old text"), &document("new text")),
            [change]
        );
    }

    #[test]
    fn what_is_new_in_an_object_comes_last() {
        let before = r#"{"z": 1, "gone": null, "a": 1}"#;
        let after = r#"{"new": {}, "a": 2, "z": 2}"#;
        let expected = "z: 1 → 2 | gone: null → (none) | a: 1 → 2 | new: (none) → {}";
        assert_eq!(shown(before, after), expected);
    }

    #[test]
    fn an_element_more_or_less_is_one_change() {
        let (less, more) = (r#"{"a": [1, 2, 3]}"#, r#"{"a": [1, "x", 2, 3]}"#);
        assert_eq!(shown(less, more), r#"a[1]: (none) → "x""#);
        assert_eq!(shown(more, less), r#"a[1]: "x" → (none)"#);
        assert_eq!(shown("[7]", "[7, 7]"), "[1]: (none) → 7");
        assert_eq!(shown("[1, 2]", "[]"), "[0]: 1 → (none) | [1]: 2 → (none)");
    }

    #[test]
    fn elements_between_equal_ones_are_compared_by_index() {
        let before = r#"[0, {"a": 1, "b": 2}, [1], 8, 9]"#;
        let after = r#"[0, {"a": 1, "b": 3}, [2], 9]"#;
        let expected = "[1].b: 2 → 3 | [2][0]: 1 → 2 | [3]: 8 → (none)";
        assert_eq!(shown(before, after), expected);
    }

    #[test]
    fn a_value_of_another_type_is_one_change() {
        let (object, array) = (r#"{"a": {"b": 1}}"#, r#"{"a": [1]}"#);
        assert_eq!(shown(object, array), r#"a: {"b":1} → [1]"#);
        assert_eq!(shown(r#""1""#, "1"), r#"value: "1" → 1"#);
    }

    #[test]
    fn numbers_differ_as_they_do_in_an_identity() {
        assert_eq!(shown("1", "1.0"), "value: 1 → 1.0");
        assert_eq!(shown("[[0.0]]", "[[-0.0]]"), "[0][0]: 0.0 → -0.0");
        assert_eq!(
            shown(r#"[{"a": 1}, 2]"#, r#"[{"a": 1.0}, 2]"#),
            "[0].a: 1 → 1.0"
        );
    }

    #[test]
    fn keys_that_are_no_identifiers_are_quoted() {
        let before =
            r#"{"tags": {"a b": 1, "": 1, "1a": 1, "\"\n": 1, "é_1": {"_": 1}}, "x.y": 1}"#;
        let after = before.replace(": 1", ": 2");
        let changes = changes(
            &serde_json::from_str(before).unwrap(),
            &serde_json::from_str(&after).unwrap(),
        );
        let paths: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
        let expected = r#"tags["a b"] tags[""] tags["1a"] tags["\"\n"] tags.é_1._ ["x.y"]"#;
        assert_eq!(paths.join(" "), expected);
    }

    #[test]
    fn the_root_is_shown_as_value() {
        assert_eq!(changes(&Value::Null, &Value::from(1))[0].path, "");
        assert_eq!(shown(r#""a\nb""#, "null"), r#"value: "a\nb" → null"#);
    }

    #[test]
    fn long_texts_are_cut_around_their_first_difference() {
        let (left, right) = ("é".repeat(100), "z".repeat(100));
        let text = |middle: &str| format!(r#""{left}{middle}{right}""#);
        let expected = format!(
            r#"value: "…{same}old{}…" → "…{same}new!{}…""#,
            &right[..37],
            &right[..36],
            same = "é".repeat(20),
        );
        assert_eq!(shown(&text("old"), &text("new!")), expected);
    }

    #[test]
    fn what_differs_early_is_shown_from_its_beginning() {
        let long = "z".repeat(100);
        let expected = format!(
            r#"a: 1 → ["{}… | b: (none) → "{}…""#,
            &long[..58],
            &long[..60]
        );
        let after = format!(r#"{{"a": ["{long}"], "b": "{long}"}}"#);
        assert_eq!(shown(r#"{"a": 1}"#, &after), expected);
    }

    #[test]
    fn a_text_that_only_grew_shows_its_end() {
        let (text, same) = ("y".repeat(60), "y".repeat(20));
        let expected = format!(r#"value: "…{same}" → "…{same} more""#);
        assert_eq!(
            shown(&format!("{text:?}"), &format!(r#""{text} more""#)),
            expected
        );
    }
}
