//! The schema that a model is held to: the strict dialect of JSON Schema that providers enforce.
//!
//! Every property is required and none is additional; a union is `anyOf`; a `$ref` stands alone. Numbers and the
//! lengths of arrays keep their bounds, so that no answer is too great for its Rust type. What the dialect cannot
//! say (lengths and patterns of text, unique items) moves into the description, where the model still reads it. What
//! it cannot hold (maps, tuples, untyped JSON) is an error that names the Rust path.

mod constraints;
mod definitions;
mod translation;

use serde_json::{Map, Value, json};

pub(crate) use self::constraints::allows;
use self::definitions::{in_use, reference, sendable};
use self::translation::Translation;
use crate::output::Output;

/// A schema as it is sent.
pub(crate) struct Sent {
    /// Letters, digits, `_` and `-`, at most 64.
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// The property that holds an output which is not an object itself: the dialect's root must be one.
const WRAPPER: &str = "value";

/// The strict schema of an output.
pub(crate) fn strict(output: &Output) -> Result<Sent, String> {
    strict_of(&output.name(), output.schema())
}

/// The strict schema of a type, by its name and its schema.
pub(crate) fn strict_of(name: &str, mut schema: Value) -> Result<Sent, String> {
    let wrapped = needs_wrapper(&schema);
    let mut translation = Translation::of(&schema, name, wrapped);
    translation.node(&mut schema, name);
    if !translation.problems.is_empty() {
        return Err(translation.problems.join("; "));
    }
    let mut definitions = translation.definitions.taken_from(&mut schema);
    if wrapped {
        // A type that contains itself is referred to by name: its place below the wrapper is none.
        if translation.is_recursive {
            let name = translation.definitions.root.name;
            let reference = json!({ "$ref": reference(&name) });
            definitions.insert(name, std::mem::replace(&mut schema, reference));
        }
        schema = json!({
            "type": "object",
            "properties": { WRAPPER: schema },
            "required": [WRAPPER],
            "additionalProperties": false,
        });
    }
    let definitions = in_use(&schema, definitions);
    if !definitions.is_empty() {
        schema["$defs"] = definitions.into();
    }
    Ok(Sent {
        name: sendable(name),
        schema,
    })
}

/// The schema of an output as it is, for a model that is not held to it.
pub(crate) fn plain(output: &Output) -> Sent {
    plain_of(&output.name(), output.schema())
}

/// The same of a type, by its name and its schema.
pub(crate) fn plain_of(name: &str, mut schema: Value) -> Sent {
    let name = sendable(name);
    if needs_wrapper(&schema) {
        let root = reference(&name);
        refer_to(&root, &mut schema);
        let definitions = schema
            .as_object_mut()
            .and_then(|fields| fields.remove("$defs"));
        let mut definitions = match definitions {
            Some(Value::Object(definitions)) => definitions,
            _ => Map::new(),
        };
        definitions.insert(name.clone(), schema);
        schema = json!({
            "type": "object",
            "properties": { WRAPPER: { "$ref": root } },
            "required": [WRAPPER],
            "$defs": definitions,
        });
    }
    Sent { name, schema }
}

/// Turns the references to a schema itself into those to a definition.
fn refer_to(definition: &str, schema: &mut Value) {
    redirect("#", definition, schema);
}

/// Turns references into others.
fn redirect(from: &str, to: &str, schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == "$ref" && value == from {
                    *value = to.into();
                } else {
                    redirect(from, to, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(from, to, item)),
        _ => {}
    }
}

/// The schema of a property's type, as that type would give it by itself; `None` if there is no such property.
pub(crate) fn of_property(schema: &Value, property: &str) -> Option<Value> {
    let mut inner = schema.get("properties")?.get(property)?.clone();
    let mut definitions = schema.get("$defs").cloned().unwrap_or_else(|| json!({}));
    let referred = inner.get("$ref").and_then(Value::as_str).map(str::to_owned);
    if let Some(to) = referred {
        inner = schema.pointer(to.strip_prefix('#')?)?.clone();
        let name = to.strip_prefix("#/$defs/")?;
        definitions.as_object_mut()?.shift_remove(name);
        redirect(&to, "#", &mut inner);
        redirect(&to, "#", &mut definitions);
    }
    inner
        .as_object_mut()?
        .insert("$defs".to_owned(), definitions);
    Some(inner)
}

/// The value of a type of this schema inside an answer that a prompt gives as an example.
pub(crate) fn sent_as(schema: &Value, example: Value) -> Result<Value, String> {
    if needs_wrapper(schema) && example.get(WRAPPER).is_none() {
        return Err(format!(
            "it is not an object, so it is asked for in one: write `{{\"{WRAPPER}\": …}}`"
        ));
    }
    Ok(unwrapped(schema, example))
}

/// The same inside an answer to [`strict`]'s or [`plain`]'s schema.
pub(crate) fn unwrapped(schema: &Value, answer: Value) -> Value {
    match answer {
        Value::Object(mut fields) if fields.contains_key(WRAPPER) && needs_wrapper(schema) => {
            fields.remove(WRAPPER).unwrap_or_default()
        }
        other => other,
    }
}

/// A value of a type of this schema as an answer to [`strict`]'s or [`plain`]'s schema has it.
pub(crate) fn wrapped(schema: &Value, value: Value) -> Value {
    if needs_wrapper(schema) {
        json!({ WRAPPER: value })
    } else {
        value
    }
}

/// What has come so far of a value of a type of this schema, inside what has come of an answer.
pub(crate) fn opened(schema: &Value, answer: Value) -> Option<Value> {
    match answer {
        Value::Object(mut fields) if needs_wrapper(schema) => fields.remove(WRAPPER),
        other => Some(other),
    }
}

/// Why a value of a type of this schema does not fit, in the places of the answer that it came in.
pub(crate) fn in_answer(schema: &Value, value: &Value, reason: String) -> String {
    if !needs_wrapper(schema) {
        return reason;
    }
    if value.is_object() && schema["type"].as_str().is_some_and(|kind| kind != "object") {
        return format!("there is no field `{WRAPPER}`, in which it is asked for");
    }
    match reason.strip_prefix("at `") {
        Some(place) if place.starts_with('[') => format!("at `{WRAPPER}{place}"),
        Some(place) => format!("at `{WRAPPER}.{place}"),
        None => reason,
    }
}

fn needs_wrapper(schema: &Value) -> bool {
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    let is_union = ["oneOf", "anyOf"]
        .iter()
        .any(|keyword| schema.get(keyword).is_some());
    !is_object || is_union
}

#[cfg(test)]
mod tests;
