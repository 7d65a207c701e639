//! Every schema that is accepted goes through [`check_dialect`], every sample value through [`holds`].

mod enums;
mod fields;
mod refused;
mod roots;

use std::fmt::Debug;

use serde_json::{Map, Value, json};

use super::constraints::{ARRAY_BOUNDS, FORMATS, GREATEST_BOUND, NUMBER_BOUNDS};
use super::{strict, unwrapped};
use crate::output::{Output, OutputType, output};

fn of<T: OutputType>() -> Output {
    output::<T>().erased()
}

/// The strict schema of a type, found to be in the dialect.
fn schema<T: OutputType>() -> Value {
    let schema = strict(&of::<T>()).unwrap().schema;
    assert_eq!(schema["type"], "object", "the root is no object: {schema}");
    check_dialect(&schema, &schema);
    schema
}

/// Why a type is refused.
fn refusal<T: OutputType>() -> String {
    match strict(&of::<T>()) {
        Ok(strict) => panic!("this was accepted: {}", strict.schema),
        Err(reason) => reason,
    }
}

/// A model held to the schema can answer this value, and its answer reads back as the value.
fn can_answer<T: OutputType + PartialEq + Debug>(value: &T) {
    let schema = schema::<T>();
    let written = serde_json::to_value(value).unwrap();
    let answer = if super::needs_wrapper(&of::<T>().schema()) {
        json!({ "value": written })
    } else {
        written
    };
    assert!(
        holds(&schema, &schema, &answer),
        "{answer} is not held by {schema}"
    );
    let output = unwrapped(&of::<T>().schema(), answer);
    assert_eq!(serde_json::from_value::<T>(output).unwrap(), *value);
}

const KEYWORDS: [&str; 12] = [
    "$ref",
    "$defs",
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "anyOf",
    "enum",
    "const",
    "format",
];

/// The rules of the dialect, for a node and all below it.
fn check_dialect(root: &Value, node: &Value) {
    let fields = node
        .as_object()
        .unwrap_or_else(|| panic!("{node} is no schema"));
    for keyword in fields.keys().map(String::as_str) {
        let is_bound = NUMBER_BOUNDS.contains(&keyword) || ARRAY_BOUNDS.contains(&keyword);
        assert!(
            KEYWORDS.contains(&keyword) || is_bound,
            "`{keyword}` in {node}"
        );
    }
    if let Some(reference) = fields.get("$ref") {
        assert_eq!(fields.len(), 1, "a reference has siblings: {node}");
        resolve(root, reference);
        return;
    }
    let kinds = match &fields.get("type") {
        Some(Value::String(kind)) => vec![kind.as_str()],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    assert!(
        !kinds.is_empty() || fields.contains_key("anyOf"),
        "{node} says no type"
    );
    assert!(
        kinds.is_empty() || !fields.contains_key("anyOf"),
        "a union with siblings: {node}"
    );
    if kinds.contains(&"object") {
        assert_eq!(fields["additionalProperties"], false, "{node}");
        let names: Vec<_> = fields["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields["required"], json!(names), "{node}");
    } else {
        assert!(!fields.contains_key("properties"), "{node}");
    }
    assert_eq!(
        kinds.contains(&"array"),
        fields.contains_key("items"),
        "{node}"
    );
    check_bounds(fields, &kinds);
    if let Some(format) = fields.get("format") {
        assert!(
            kinds.contains(&"string") && FORMATS.contains(&format.as_str().unwrap()),
            "{node}"
        );
    }
    let maps = ["properties", "$defs"]
        .into_iter()
        .filter_map(|keyword| fields.get(keyword));
    let inner = maps.flat_map(|map| map.as_object().unwrap().values());
    let variants = fields
        .get("anyOf")
        .map(|variants| variants.as_array().unwrap());
    assert!(
        variants.is_none_or(|variants| !variants.is_empty()),
        "{node}"
    );
    for inner in inner
        .chain(variants.into_iter().flatten())
        .chain(fields.get("items"))
    {
        check_dialect(root, inner);
    }
}

/// A bound is a number beside a type that it bounds.
fn check_bounds(fields: &Map<String, Value>, kinds: &[&str]) {
    let bounds = |keywords: &[&str]| -> Vec<f64> {
        let found = keywords.iter().filter_map(|keyword| fields.get(*keyword));
        found.map(|bound| bound.as_f64().unwrap()).collect()
    };
    let (numbers, lengths) = (bounds(&NUMBER_BOUNDS), bounds(&ARRAY_BOUNDS));
    let is_number = kinds.contains(&"integer") || kinds.contains(&"number");
    assert!(numbers.is_empty() || is_number, "{fields:?}");
    assert!(lengths.is_empty() || kinds.contains(&"array"), "{fields:?}");
    assert!(
        numbers.iter().all(|bound| bound.abs() <= GREATEST_BOUND),
        "{fields:?}"
    );
}

fn resolve<'a>(root: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference
        .as_str()
        .and_then(|reference| reference.strip_prefix('#'));
    let is_known =
        pointer.is_some_and(|pointer| pointer.is_empty() || pointer.starts_with("/$defs/"));
    assert!(
        is_known,
        "{reference} refers to neither the root nor a definition"
    );
    root.pointer(pointer.unwrap())
        .unwrap_or_else(|| panic!("{reference} is nowhere in {root}"))
}

/// Whether a schema of the dialect holds a value.
fn holds(root: &Value, node: &Value, value: &Value) -> bool {
    let says = |keyword: &str| node.get(keyword);
    if let Some(reference) = says("$ref") {
        return holds(root, resolve(root, reference), value);
    }
    if let Some(variants) = says("anyOf") {
        return variants
            .as_array()
            .unwrap()
            .iter()
            .any(|variant| holds(root, variant, value));
    }
    let fits = |kind: &Value| match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => kind == "number" || (kind == "integer" && !number.is_f64()),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    };
    let kind = says("type").unwrap();
    let fits = kind
        .as_array()
        .map_or_else(|| fits(kind), |kinds| kinds.iter().any(fits));
    let inside = match value {
        Value::Object(fields) => holds_all(root, node, fields),
        Value::Array(items) => {
            items.iter().all(|item| holds(root, &node["items"], item))
                && in_bounds(
                    node,
                    u32::try_from(items.len()).unwrap().into(),
                    ["minItems", "maxItems"],
                )
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            in_bounds(node, number, ["minimum", "maximum"])
                && says("exclusiveMinimum").is_none_or(|bound| bound.as_f64().unwrap() < number)
                && says("exclusiveMaximum").is_none_or(|bound| number < bound.as_f64().unwrap())
                && says("multipleOf").is_none_or(|factor| number % factor.as_f64().unwrap() == 0.0)
        }
        _ => true,
    };
    fits && inside
        && says("const").is_none_or(|constant| constant == value)
        && says("enum").is_none_or(|values| values.as_array().unwrap().contains(value))
}

fn in_bounds(node: &Value, number: f64, [least, greatest]: [&str; 2]) -> bool {
    let bound = |keyword: &str| node.get(keyword).and_then(Value::as_f64);
    bound(least).is_none_or(|least| least <= number)
        && bound(greatest).is_none_or(|greatest| number <= greatest)
}

fn holds_all(root: &Value, node: &Value, fields: &Map<String, Value>) -> bool {
    let Some(properties) = node["properties"].as_object() else {
        return false;
    };
    properties.len() == fields.len()
        && properties.iter().all(|(name, property)| {
            fields
                .get(name)
                .is_some_and(|value| holds(root, property, value))
        })
}
