//! What constrains a value: bounds stay keywords, which a model is held to; the rest moves into the description.

use serde_json::{Map, Value};

/// Keywords of the dialect that bound a number.
pub(super) const NUMBER_BOUNDS: [&str; 5] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// Keywords of the dialect that bound the length of an array.
pub(super) const ARRAY_BOUNDS: [&str; 2] = ["minItems", "maxItems"];

/// The greatest bound: 2^53, up to which every reader of JSON keeps whole numbers as they are written.
pub(super) const GREATEST_BOUND: f64 = 9_007_199_254_740_992.0;

/// Keywords that constrain a value in ways the dialect does not know.
const UNKNOWN: [&str; 7] = [
    "minLength",
    "maxLength",
    "pattern",
    "uniqueItems",
    "contains",
    "format",
    "not",
];

/// Formats of a string that the dialect knows.
pub(super) const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Whether a schema allows a type: `"string"`, or `["string", "null"]`.
pub(crate) fn allows(fields: &Map<String, Value>, wanted: &str) -> bool {
    fields.get("type").is_some_and(|kind| {
        kind == wanted
            || kind
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == wanted))
    })
}

pub(super) fn is_bound(keyword: &str) -> bool {
    NUMBER_BOUNDS.contains(&keyword) || ARRAY_BOUNDS.contains(&keyword)
}

/// Gives the 32-bit integers their bounds, as schemars does for the smaller ones. Those of the wider ones are
/// beyond [`GREATEST_BOUND`].
pub(super) fn bound_by_width(fields: &mut Map<String, Value>) {
    let (least, greatest) = match fields.get("format").and_then(Value::as_str) {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        _ => return,
    };
    if !allows(fields, "integer") {
        return;
    }
    // llama.cpp reads the exclusive bound only where the other is not given.
    if !fields.contains_key("exclusiveMinimum") {
        fields.entry("minimum").or_insert_with(|| least.into());
    }
    if !fields.contains_key("exclusiveMaximum") {
        fields.entry("maximum").or_insert_with(|| greatest.into());
    }
}

/// Moves what the dialect cannot say to the end of the description: `A name (minLength: 1, maxLength: 9)`.
pub(super) fn describe(fields: &mut Map<String, Value>) {
    let format = fields.get("format").and_then(Value::as_str);
    let known = format.is_some_and(|format| FORMATS.contains(&format));
    if !known && !allows(fields, "string") {
        // The name of one of Rust's number types.
        fields.shift_remove("format");
    }
    let bounds = NUMBER_BOUNDS.into_iter().chain(ARRAY_BOUNDS);
    let moved: Vec<_> = bounds
        .filter(|bound| !can_stay(fields, bound))
        .chain(UNKNOWN)
        .filter(|keyword| !(known && *keyword == "format"))
        .collect();
    let said: Vec<_> = moved
        .into_iter()
        .filter_map(|keyword| match fields.shift_remove(keyword)? {
            Value::String(text) => Some(format!("{keyword}: {text}")),
            other => Some(format!("{keyword}: {other}")),
        })
        .collect();
    if said.is_empty() {
        return;
    }
    let said = format!("({})", said.join(", "));
    let description = match fields.get("description").and_then(Value::as_str) {
        Some(text) => format!("{text} {said}"),
        None => said,
    };
    fields.insert("description".to_owned(), description.into());
}

/// Whether a bound can stay a keyword: beside a type that it bounds (not beside a reference or a union), and as a
/// number that every server reads alike.
fn can_stay(fields: &Map<String, Value>, bound: &str) -> bool {
    let applies = if ARRAY_BOUNDS.contains(&bound) {
        allows(fields, "array")
    } else {
        allows(fields, "integer") || allows(fields, "number")
    };
    let number = fields.get(bound).and_then(Value::as_f64);
    applies && number.is_some_and(|number| number.abs() <= GREATEST_BOUND)
}
