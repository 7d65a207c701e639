//! What the dialect cannot hold, and how the message names it.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refusal;

const MAP: &str =
    "a map, whose keys a model cannot be held to; use a `Vec` of structs with a key and a value";

#[test]
fn a_map_is_refused_by_its_path() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Chapter {
        counts: HashMap<String, u32>,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Book {
        chapters: Vec<Chapter>,
        by_page: BTreeMap<u32, String>,
        notes: Option<Vec<HashMap<String, Value>>>,
    }
    assert_eq!(
        refusal::<Book>(),
        format!("`Book.by_page` is {MAP}; `Book.notes[]` is {MAP}; `Chapter.counts` is {MAP}")
    );
    assert!(refusal::<HashMap<String, u8>>().ends_with(&format!("is {MAP}")));
}

#[test]
fn a_flattened_map_is_refused() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Book {
        title: String,
        #[serde(flatten)]
        others: HashMap<String, u32>,
    }
    assert_eq!(refusal::<Book>(), format!("`Book` flattens {MAP}"));
}

#[test]
fn untyped_json_is_refused_by_its_path() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Loose {
        any: Value,
        many: Vec<Value>,
        /// What it is.
        documented: Value,
    }
    let reasons = ["any", "many[]", "documented"]
        .map(|field| format!("`Loose.{field}` is untyped JSON; give it a type"));
    assert_eq!(refusal::<Loose>(), reasons.join("; "));
    assert_eq!(
        refusal::<Value>(),
        "`AnyValue` is untyped JSON; give it a type"
    );
}

#[test]
fn a_tuple_is_refused_by_its_path() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Pair(u8, String);
    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Shape {
        Line(u8, u8),
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Pairs {
        all: Vec<(u8, String)>,
        named: Pair,
        shape: Shape,
    }
    let reasons = ["Pairs.all[]", "Pair", "Shape.Line"]
        .map(|path| format!("`{path}` is a tuple; use a struct"));
    assert_eq!(refusal::<Pairs>(), reasons.join("; "));
}

#[test]
fn two_flattened_enums_are_refused() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Color {
        Red,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Shape {
        Point,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Drawn {
        by: String,
        #[serde(flatten)]
        color: Color,
        #[serde(flatten)]
        shape: Shape,
    }
    assert_eq!(
        refusal::<Drawn>(),
        "`Drawn` flattens more than one enum (`allOf`); give each a field of its own"
    );
}
