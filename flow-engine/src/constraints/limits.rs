//! Constraints in a JSON schema: each as the keyword of the type that it stands beside.

use schemars::Schema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Rules;
use crate::schema::allows;

/// What a field's rules add to its schema: named by `#[data]` in an attribute of schemars.
pub fn limits<T>(rules: fn(&mut Rules<'_, T>)) -> impl FnMut(&mut Schema) {
    move |schema| rules(&mut Rules::Describe(schema))
}

pub(super) fn length(schema: &mut Schema, min: Option<usize>, max: Option<usize>) {
    let [text, list, map] = ["string", "array", "object"];
    let least = [
        (text, "minLength"),
        (list, "minItems"),
        (map, "minProperties"),
    ];
    let most = [
        (text, "maxLength"),
        (list, "maxItems"),
        (map, "maxProperties"),
    ];
    set(schema, &least, min);
    set(schema, &most, max);
}

pub(super) fn range<B: Serialize>(schema: &mut Schema, min: Option<B>, max: Option<B>) {
    set(
        schema,
        &[("integer", "minimum"), ("number", "minimum")],
        min,
    );
    set(
        schema,
        &[("integer", "maximum"), ("number", "maximum")],
        max,
    );
}

pub(super) fn pattern(schema: &mut Schema, source: &str) {
    set(schema, &[("string", "pattern")], Some(source));
}

/// Sets the keyword of each type that a schema allows.
fn set(schema: &mut Schema, keywords: &[(&str, &str)], limit: Option<impl Serialize>) {
    let limit = limit.and_then(|limit| serde_json::to_value(limit).ok());
    if let (Some(fields), Some(limit)) = (schema.as_object_mut(), limit) {
        set_in(fields, keywords, &limit);
    }
}

fn set_in(fields: &mut Map<String, Value>, keywords: &[(&str, &str)], limit: &Value) {
    for (kind, keyword) in keywords {
        if allows(fields, kind) {
            fields.insert((*keyword).to_owned(), limit.clone());
        }
    }
    // An `Option` whose type has no type keyword of its own.
    let branches = fields.get_mut("anyOf").and_then(Value::as_array_mut);
    for branch in branches.into_iter().flatten() {
        if let Value::Object(branch) = branch {
            set_in(branch, keywords, limit);
        }
    }
}
