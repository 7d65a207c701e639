//! The schema that a model is held to: the strict dialect of JSON Schema that providers enforce.
//!
//! Every property is required and none is additional; a union is `anyOf`; a `$ref` stands alone. What the dialect
//! cannot say (lengths, bounds, patterns) moves into the description, where the model still reads it. What it
//! cannot hold (maps, tuples, untyped JSON) is an error that names the Rust path.

use serde_json::{Map, Value, json};

use crate::output::Output;

/// A schema in the strict dialect.
pub(crate) struct Strict {
    /// Letters, digits, `_` and `-`, at most 64.
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// The property that holds an output which is not an object itself: the dialect's root must be one.
const WRAPPER: &str = "value";

/// Keywords that constrain a value in ways the dialect does not know.
const CONSTRAINTS: [&str; 13] = [
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// Formats of a string that the dialect knows; others are names of Rust's number types.
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// Annotations that the dialect refuses, or that say nothing to a model.
const DROPPED: [&str; 5] = ["$schema", "title", "default", "examples", "deprecated"];

/// The strict schema of an output.
pub(crate) fn strict(output: &Output) -> Result<Strict, String> {
    let mut schema = output.schema();
    let wrapped = needs_wrapper(&schema);
    let mut translation = Translation { root: if wrapped { "#/properties/value" } else { "#" }, problems: Vec::new() };
    let name = output.name();
    translation.node(&mut schema, &name);
    if !translation.problems.is_empty() {
        return Err(translation.problems.join("; "));
    }
    if wrapped {
        let definitions = schema.as_object_mut().and_then(|root| root.shift_remove("$defs"));
        schema = json!({
            "type": "object",
            "properties": { WRAPPER: schema },
            "required": [WRAPPER],
            "additionalProperties": false,
        });
        if let Some(definitions) = definitions {
            schema["$defs"] = definitions;
        }
    }
    let name = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(64).collect();
    Ok(Strict { name, schema })
}

/// The output inside an answer to [`strict`]'s schema.
pub(crate) fn unwrapped(output: &Output, answer: Value) -> Value {
    match answer {
        Value::Object(mut fields) if needs_wrapper(&output.schema()) && fields.contains_key(WRAPPER) => {
            fields.remove(WRAPPER).unwrap_or_default()
        }
        other => other,
    }
}

fn needs_wrapper(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) != Some("object")
}

struct Translation {
    /// What a reference to the type itself is called.
    root: &'static str,
    problems: Vec<String>,
}

impl Translation {
    /// Translates a schema in place; `path` is where it is in Rust's terms: `Summary.authors[].name`.
    fn node(&mut self, node: &mut Value, path: &str) {
        let Value::Object(fields) = node else {
            self.untyped(path);
            return;
        };
        for dropped in DROPPED {
            fields.shift_remove(dropped);
        }
        if let Some(variants) = fields.shift_remove("oneOf") {
            fields.insert("anyOf".to_owned(), variants);
        }
        self.children(fields, path);
        describe_constraints(fields);
        let unknown_format = |format: &Value| !format.as_str().is_some_and(|format| FORMATS.contains(&format));
        if fields.get("format").is_some_and(unknown_format) {
            fields.shift_remove("format");
        }
        if let Some(reference) = fields.get_mut("$ref") {
            if reference == "#" {
                *reference = self.root.into();
            }
            // A reference allows no sibling, so a description goes around it.
            if let Some(description) = fields.shift_remove("description") {
                let reference = Value::Object(std::mem::take(fields));
                fields.insert("description".to_owned(), description);
                fields.insert("anyOf".to_owned(), json!([reference]));
            }
        }
    }

    fn children(&mut self, fields: &mut Map<String, Value>, path: &str) {
        let is_object = fields.get("type").is_some_and(|kind| kind == "object" || names(kind, "object"));
        if is_object || fields.contains_key("properties") {
            self.object(fields, path);
        }
        if fields.contains_key("prefixItems") {
            self.problem(path, "is a tuple; use a struct");
        }
        let is_array = fields.get("type").is_some_and(|kind| kind == "array" || names(kind, "array"));
        if let Some(items) = fields.get_mut("items") {
            self.node(items, &format!("{path}[]"));
        } else if is_array && !fields.contains_key("prefixItems") {
            self.untyped(&format!("{path}[]"));
        }
        if fields.contains_key("allOf") {
            self.problem(path, "combines schemas (`allOf`); write its fields out in one struct");
        }
        if let Some(Value::Array(variants)) = fields.get_mut("anyOf") {
            for variant in variants {
                self.node(variant, path);
            }
        }
        if let Some(Value::Object(definitions)) = fields.get_mut("$defs") {
            for (name, definition) in definitions {
                self.node(definition, name);
            }
        }
        let says_its_type = ["type", "$ref", "anyOf", "allOf", "enum", "const"];
        if !says_its_type.iter().any(|keyword| fields.contains_key(*keyword)) {
            self.untyped(path);
        }
    }

    fn object(&mut self, fields: &mut Map<String, Value>, path: &str) {
        let open = fields.get("additionalProperties").is_some_and(|additional| additional != &json!(false));
        if open || fields.contains_key("patternProperties") {
            self.problem(path, "is a map, whose keys a model cannot be held to; use a `Vec` of structs with a key and a value");
        }
        let mut properties = match fields.shift_remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        for (name, property) in &mut properties {
            self.node(property, &format!("{path}.{name}"));
        }
        let names: Vec<_> = properties.keys().cloned().collect();
        fields.insert("properties".to_owned(), properties.into());
        fields.insert("required".to_owned(), names.into());
        fields.insert("additionalProperties".to_owned(), false.into());
    }

    fn untyped(&mut self, path: &str) {
        self.problem(path, "is untyped JSON; give it a type");
    }

    fn problem(&mut self, path: &str, what: &str) {
        self.problems.push(format!("`{path}` {what}"));
    }
}

fn names(kind: &Value, wanted: &str) -> bool {
    kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == wanted))
}

/// Moves constraints to the end of the description: `A count (minimum: 1, maximum: 9)`.
fn describe_constraints(fields: &mut Map<String, Value>) {
    let said: Vec<_> = CONSTRAINTS
        .iter()
        .filter_map(|name| Some(format!("{name}: {}", fields.shift_remove(*name)?)))
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

#[cfg(test)]
mod tests;
