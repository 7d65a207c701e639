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
    Ok(Sent {
        name: sendable(&name),
        schema,
    })
}

/// The schema of an output as it is, for a model that is not held to it.
pub(crate) fn plain(output: &Output) -> Sent {
    let name = sendable(&output.name());
    let mut schema = output.schema();
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
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == "$ref" && value == "#" {
                    *value = definition.into();
                } else {
                    refer_to(definition, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer_to(definition, item)),
        _ => {}
    }
}

/// The output inside an answer that a prompt gives as an example.
pub(crate) fn sent_as(output: &Output, example: Value) -> Result<Value, String> {
    if needs_wrapper(&output.schema()) && example.get(WRAPPER).is_none() {
        return Err(format!(
            "it is not an object, so it is asked for in one: write `{{\"{WRAPPER}\": …}}`"
        ));
    }
    Ok(unwrapped(output, example))
}

/// The output inside an answer to [`strict`]'s or [`plain`]'s schema.
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
