//! The schema that a model is held to: the strict dialect of JSON Schema that providers enforce.
//!
//! Every property is required and none is additional; a union is `anyOf`; a `$ref` stands alone. Numbers and the
//! lengths of arrays keep their bounds, so that no answer is too great for its Rust type. What the dialect cannot
//! say (lengths and patterns of text, unique items) moves into the description, where the model still reads it. What
//! it cannot hold (maps, tuples, untyped JSON) is an error that names the Rust path.

mod constraints;
mod definitions;
mod translation;

use serde_json::{Value, json};

pub(crate) use self::constraints::allows;
use self::definitions::{in_use, reference, sendable};
use self::translation::Translation;
use crate::output::Output;

/// A schema in the strict dialect.
pub(crate) struct Strict {
    /// Letters, digits, `_` and `-`, at most 64.
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// The property that holds an output which is not an object itself: the dialect's root must be one.
const WRAPPER: &str = "value";

/// The strict schema of an output.
pub(crate) fn strict(output: &Output) -> Result<Strict, String> {
    let mut schema = output.schema();
    let wrapped = needs_wrapper(&schema);
    let name = output.name();
    let mut translation = Translation::of(&schema, &name, wrapped);
    translation.node(&mut schema, &name);
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
    Ok(Strict {
        name: sendable(&name),
        schema,
    })
}

/// The output inside an answer to [`strict`]'s schema.
pub(crate) fn unwrapped(output: &Output, answer: Value) -> Value {
    match answer {
        Value::Object(mut fields)
            if fields.contains_key(WRAPPER) && needs_wrapper(&output.schema()) =>
        {
            fields.remove(WRAPPER).unwrap_or_default()
        }
        other => other,
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
