//! The definitions of a schema, and the references to them.
//!
//! schemars gives a definition the name of its type, and a reference is a JSON pointer in the form of a URI's
//! fragment. A model's provider gets plain names, so that nothing is encoded and nothing is left to decode.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

/// What the references of a schema stand for.
pub(super) struct Definitions {
    pub(super) root: Definition,
    /// By the names that schemars gave them.
    others: HashMap<String, Definition>,
}

pub(super) struct Definition {
    /// Its name in the schema that is sent.
    pub(super) name: String,
    /// Its schema as schemars wrote it.
    pub(super) original: Value,
}

impl Definitions {
    /// Those of a root schema, whose own name is given.
    pub(super) fn of(root: &Value, name: &str) -> Self {
        let mut original = root.clone();
        let mut taken = HashSet::new();
        let mut define = |name: &str, original| {
            let mut name = sendable(name);
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            Definition { name, original }
        };
        let others = take(&mut original)
            .into_iter()
            .map(|(name, original)| (name.clone(), define(&name, original)))
            .collect();
        Self {
            root: define(name, original),
            others,
        }
    }

    /// What one of schemars' references stands for.
    pub(super) fn find(&self, reference: &str) -> Option<&Definition> {
        match reference {
            "#" => Some(&self.root),
            other => self.others.get(&referred(other)?),
        }
    }

    /// Takes the translated definitions out of a schema, under the names that are sent.
    pub(super) fn taken_from(&self, schema: &mut Value) -> Map<String, Value> {
        take(schema)
            .into_iter()
            .filter_map(|(name, schema)| Some((self.others.get(&name)?.name.clone(), schema)))
            .collect()
    }
}

fn take(schema: &mut Value) -> Map<String, Value> {
    let taken = schema
        .as_object_mut()
        .and_then(|root| root.shift_remove("$defs"));
    match taken {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    }
}

/// A name of letters, digits, `_` and `-`, at most 64.
pub(super) fn sendable(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(64)
        .collect()
}

/// The reference to a definition by the name that is sent.
pub(super) fn reference(name: &str) -> String {
    format!("#/$defs/{name}")
}

/// The name in one of schemars' references, which are JSON pointers in the form of a URI's fragment.
fn referred(reference: &str) -> Option<String> {
    let mut parts = reference.strip_prefix("#/$defs/")?.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(&part.as_bytes()[2..]);
    }
    Some(
        String::from_utf8(bytes)
            .ok()?
            .replace("~1", "/")
            .replace("~0", "~"),
    )
}

/// The definitions that are referred to, by the schema or by one another.
pub(super) fn in_use(schema: &Value, mut definitions: Map<String, Value>) -> Map<String, Value> {
    let mut used = Vec::new();
    let mut found = Vec::new();
    references(schema, &mut found);
    while let Some(reference) = found.pop() {
        let name = reference.trim_start_matches("#/$defs/").to_owned();
        if let Some(definition) = definitions.get(&name)
            && !used.contains(&name)
        {
            references(definition, &mut found);
            used.push(name);
        }
    }
    definitions.retain(|name, _| used.contains(name));
    definitions
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(
                fields
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
