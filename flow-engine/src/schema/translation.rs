//! One schema of schemars into the strict dialect, node by node.

use serde_json::{Map, Value, json};

use super::constraints::{allows, bound_by_width, describe, is_bound};
use super::definitions::{Definitions, reference};

/// Keywords of the dialect; all others are constraints, or say nothing to a model.
const KEPT: [&str; 12] = [
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

/// A translation under way.
pub(super) struct Translation {
    pub(super) definitions: Definitions,
    is_wrapped: bool,
    /// Whether the root refers to itself, though it will stand below a wrapper.
    pub(super) is_recursive: bool,
    pub(super) problems: Vec<String>,
}

impl Translation {
    pub(super) fn of(root: &Value, name: &str, is_wrapped: bool) -> Self {
        Self {
            definitions: Definitions::of(root, name),
            is_wrapped,
            is_recursive: false,
            problems: Vec::new(),
        }
    }

    /// Translates a schema in place; `path` is where it is in Rust's terms: `Summary.authors[].name`.
    pub(super) fn node(&mut self, node: &mut Value, path: &str) {
        let Value::Object(fields) = node else {
            self.untyped(path);
            return;
        };
        self.write_out(fields, path);
        if let Some(variants) = fields.shift_remove("oneOf") {
            fields.insert("anyOf".to_owned(), variants);
        }
        self.children(fields, path);
        bound_by_width(fields);
        describe(fields);
        fields.retain(|keyword, _| {
            let keyword = keyword.as_str();
            KEPT.contains(&keyword) || is_bound(keyword)
        });
        if let Some(reference) = fields.get_mut("$ref") {
            self.refer(reference, path);
            // A reference allows no sibling, so a description goes around it.
            if let Some(description) = fields.shift_remove("description") {
                let reference = Value::Object(std::mem::take(fields));
                fields.insert("description".to_owned(), description);
                fields.insert("anyOf".to_owned(), json!([reference]));
            }
        }
    }

    fn refer(&mut self, to: &mut Value, path: &str) {
        let written = to.as_str().unwrap_or_default().to_owned();
        let is_root = written == "#";
        match self.definitions.find(&written) {
            Some(_) if is_root && !self.is_wrapped => {}
            Some(meant) => {
                *to = reference(&meant.name).into();
                self.is_recursive |= is_root;
            }
            None => self.undefined(&written, path),
        }
    }

    /// An internal tag or `#[serde(flatten)]` puts fields beside a reference or a union. The dialect has neither,
    /// so the fields are written into the objects meant.
    fn write_out(&mut self, fields: &mut Map<String, Value>, path: &str) {
        if !fields.contains_key("properties") {
            return;
        }
        // The end of this is certain: of a type that is tagged or flattened into itself, serde's derives have none.
        while let Some(Value::String(reference)) = fields.shift_remove("$ref") {
            match self
                .definitions
                .find(&reference)
                .map(|meant| &meant.original)
            {
                Some(Value::Object(target)) => add_fields(fields, target),
                _ => self.undefined(&reference, path),
            }
        }
        let union = fields
            .shift_remove("oneOf")
            .or_else(|| fields.shift_remove("anyOf"));
        if let Some(Value::Array(mut variants)) = union {
            let surrounding = ["$defs", "description"]
                .map(|keyword| (keyword.to_owned(), fields.shift_remove(keyword)));
            let shared = std::mem::take(fields);
            for variant in &mut variants {
                let mut object = shared.clone();
                if let Value::Object(own) = &*variant {
                    add_fields(&mut object, own);
                }
                *variant = object.into();
            }
            let kept = surrounding
                .into_iter()
                .filter_map(|(keyword, value)| Some((keyword, value?)));
            fields.extend(kept);
            fields.insert("anyOf".to_owned(), variants.into());
        }
    }

    fn children(&mut self, fields: &mut Map<String, Value>, path: &str) {
        let is_object = allows(fields, "object");
        if is_object || fields.contains_key("properties") {
            self.object(fields, path);
        }
        if fields.contains_key("prefixItems") {
            self.problem(path, "is a tuple; use a struct");
        }
        let is_array = allows(fields, "array");
        if let Some(items) = fields.get_mut("items") {
            self.node(items, &format!("{path}[]"));
        } else if is_array && !fields.contains_key("prefixItems") {
            self.untyped(&format!("{path}[]"));
        }
        if fields.contains_key("allOf") {
            self.problem(
                path,
                "flattens more than one enum (`allOf`); give each a field of its own",
            );
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
        if !says_its_type
            .iter()
            .any(|keyword| fields.contains_key(*keyword))
        {
            self.untyped(path);
        }
    }

    fn object(&mut self, fields: &mut Map<String, Value>, path: &str) {
        let open = fields
            .get("additionalProperties")
            .is_some_and(|additional| additional != false);
        let mut properties = match fields.shift_remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        if open || fields.contains_key("patternProperties") {
            let is = if properties.is_empty() {
                "is"
            } else {
                "flattens"
            };
            self.problem(
                path,
                &format!(
                    "{is} a map, whose keys a model cannot be held to; use a `Vec` of structs with a key and a value"
                ),
            );
        }
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

    fn undefined(&mut self, reference: &str, path: &str) {
        self.problem(
            path,
            &format!("refers to `{reference}`, which its schema does not define"),
        );
    }

    fn problem(&mut self, path: &str, what: &str) {
        self.problems.push(format!("`{path}` {what}"));
    }
}

/// Adds what `from` says to an object; what the object says itself stays.
fn add_fields(object: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (keyword, value) in from {
        match (object.get_mut(keyword), value) {
            (Some(Value::Object(own)), Value::Object(others)) if keyword == "properties" => {
                for (name, property) in others {
                    own.entry(name).or_insert_with(|| property.clone());
                }
            }
            (Some(_), _) => {}
            (None, value) => {
                object.insert(keyword.clone(), value.clone());
            }
        }
    }
}
