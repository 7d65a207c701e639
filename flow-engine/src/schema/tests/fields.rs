//! Structs and what their fields may be.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::{NonZeroI32, NonZeroU8, NonZeroU64};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{can_answer, holds, of, schema};
use crate::schema::strict;

/// Who wrote it.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Author {
    name: String,
    /// Where to write to.
    email: Option<String>,
}

/// An article.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Article {
    title: String,
    /// The first author.
    author: Author,
    editor: Option<Author>,
    /// All who helped.
    others: Vec<Author>,
    #[serde(default)]
    description: Vec<String>,
    #[serde(rename = "type")]
    kind: Option<u8>,
}

fn author() -> Author {
    Author {
        name: "Ada".into(),
        email: None,
    }
}

#[test]
fn every_field_is_required_and_an_option_may_be_null() {
    assert_eq!(
        schema::<Article>(),
        json!({
            "type": "object",
            "description": "An article.",
            "properties": {
                "title": { "type": "string" },
                "author": { "description": "The first author.", "anyOf": [{ "$ref": "#/$defs/Author" }] },
                "editor": { "anyOf": [{ "$ref": "#/$defs/Author" }, { "type": "null" }] },
                "others": {
                    "description": "All who helped.",
                    "type": "array",
                    "items": { "$ref": "#/$defs/Author" },
                },
                "description": { "type": "array", "items": { "type": "string" } },
                "type": { "type": ["integer", "null"], "minimum": 0, "maximum": 255 },
            },
            "required": ["title", "author", "editor", "others", "description", "type"],
            "additionalProperties": false,
            "$defs": {
                "Author": {
                    "description": "Who wrote it.",
                    "type": "object",
                    "properties": {
                        "name": { "type": "string" },
                        "email": { "type": ["string", "null"], "description": "Where to write to." },
                    },
                    "required": ["name", "email"],
                    "additionalProperties": false,
                },
            },
        })
    );
    can_answer(&Article {
        title: "On engines".into(),
        author: author(),
        editor: None,
        others: vec![author()],
        description: Vec::new(),
        kind: Some(1),
    });
}

#[test]
fn the_model_writes_the_fields_in_the_order_of_the_struct() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Reasoned {
        thoughts: String,
        zest: f32,
        answer: bool,
        #[serde(flatten)]
        author: Author,
        bits: u8,
    }
    let schema = schema::<Reasoned>();
    let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["thoughts", "zest", "answer", "name", "email", "bits"]
    );
}

#[test]
fn bounds_are_keywords_and_other_constraints_are_told_in_the_description() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Review {
        /// The verdict.
        #[schemars(range(min = 1, max = 5))]
        stars: u8,
        #[schemars(length(min = 3, max = 80), regex(pattern = "^[A-Z]"))]
        headline: String,
        #[schemars(length(max = 4), inner(length(max = 20)))]
        tags: Vec<String>,
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        weight: Option<f64>,
        #[schemars(extend("exclusiveMaximum" = 1.0, "multipleOf" = 0.25))]
        share: f32,
        address: IpAddr,
        grade: char,
        not_zero: NonZeroI32,
        counted: NonZeroU8,
        #[schemars(length(min = 2))]
        authors: Vec<Author>,
        seen: BTreeSet<String>,
        pair: [i64; 2],
        #[deprecated]
        #[schemars(example = 1, extend("x-order" = 1))]
        old: String,
    }
    let schema = schema::<Review>();
    let text = json!({ "type": "string" });
    let expected = json!({
        "stars": { "description": "The verdict.", "type": "integer", "minimum": 1, "maximum": 5 },
        "headline": {
            "description": "(minLength: 3, maxLength: 80, pattern: ^[A-Z])",
            "type": "string",
        },
        "tags": {
            "type": "array",
            "items": { "description": "(maxLength: 20)", "type": "string" },
            "maxItems": 4,
        },
        "weight": { "type": ["number", "null"], "exclusiveMinimum": 0.0 },
        "share": { "type": "number", "exclusiveMaximum": 1.0, "multipleOf": 0.25 },
        "address": { "description": "(format: ip)", "type": "string" },
        "grade": { "description": "(minLength: 1, maxLength: 1)", "type": "string" },
        "not_zero": {
            "description": "(not: {\"const\":0})",
            "type": "integer",
            "minimum": i32::MIN,
            "maximum": i32::MAX,
        },
        "counted": { "type": "integer", "minimum": 1, "maximum": 255 },
        "authors": { "type": "array", "items": { "$ref": "#/$defs/Author" }, "minItems": 2 },
        "seen": { "description": "(uniqueItems: true)", "type": "array", "items": text },
        "pair": { "type": "array", "items": { "type": "integer" }, "minItems": 2, "maxItems": 2 },
        "old": text,
    });
    assert_eq!(schema["properties"], expected);
}

#[test]
fn an_integer_is_bounded_by_its_type_as_far_as_every_server_reads_the_bound() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Widths {
        u8: u8,
        i16: i16,
        u32: u32,
        i32: Option<i32>,
        /// As told.
        #[schemars(range(min = -1, max = 1))]
        sign: i32,
        #[schemars(extend("exclusiveMinimum" = 0))]
        above: i32,
        u64: u64,
        i64: i64,
        counted: NonZeroU64,
        u128: u128,
        #[schemars(range(max = 9_007_199_254_740_992_u64))]
        exact: u64,
        #[schemars(range(max = 9_007_199_254_740_994_u64))]
        wide: u64,
    }
    let schema = schema::<Widths>();
    let expected = json!({
        "u8": { "type": "integer", "minimum": 0, "maximum": 255 },
        "i16": { "type": "integer", "minimum": i16::MIN, "maximum": i16::MAX },
        "u32": { "type": "integer", "minimum": 0, "maximum": u32::MAX },
        "i32": { "type": ["integer", "null"], "minimum": i32::MIN, "maximum": i32::MAX },
        "sign": { "description": "As told.", "type": "integer", "minimum": -1, "maximum": 1 },
        "above": { "type": "integer", "exclusiveMinimum": 0, "maximum": i32::MAX },
        "u64": { "type": "integer", "minimum": 0 },
        "i64": { "type": "integer" },
        "counted": { "type": "integer", "minimum": 1 },
        "u128": { "type": "integer", "minimum": 0 },
        "exact": { "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_992_u64 },
        "wide": { "description": "(maximum: 9007199254740994)", "type": "integer", "minimum": 0 },
    });
    assert_eq!(schema["properties"], expected);
    can_answer(&Widths {
        u8: u8::MAX,
        i16: i16::MIN,
        u32: u32::MAX,
        i32: Some(i32::MIN),
        sign: -1,
        above: 1,
        u64: u64::MAX,
        i64: i64::MIN,
        counted: NonZeroU64::MAX,
        u128: 0,
        exact: 0,
        wide: 0,
    });
    let mut answer = json!({
        "u8": 255, "i16": 0, "u32": 0, "i32": null, "sign": 0, "above": 1, "u64": 0, "i64": 0, "counted": 1, "u128": 0,
        "exact": 0, "wide": 0,
    });
    assert!(holds(&schema, &schema, &answer));
    answer["u8"] = json!(203_897_564);
    assert!(!holds(&schema, &schema, &answer));
}

#[test]
fn a_bound_beside_a_reference_or_a_union_is_told_in_the_description() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Bounded {
        #[schemars(extend("minimum" = 1))]
        author: Author,
        #[schemars(extend("maxItems" = 2))]
        editor: Option<Author>,
        #[schemars(extend("minimum" = 1))]
        name: String,
    }
    let schema = schema::<Bounded>();
    let told = ["author", "editor", "name"]
        .map(|field| schema["properties"][field]["description"].as_str());
    assert_eq!(
        told,
        ["(minimum: 1)", "(maxItems: 2)", "(minimum: 1)"].map(Some)
    );
}

#[test]
fn the_names_of_number_types_are_left_out_and_formats_of_text_are_kept() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Numbers {
        a: u64,
        b: i128,
        c: f32,
        d: isize,
        took: Duration,
        #[schemars(extend("format" = "date"))]
        day: String,
        #[schemars(extend("format" = "uri"))]
        page: Option<String>,
    }
    let schema = schema::<Numbers>();
    assert_eq!(
        schema["properties"]["a"],
        json!({ "type": "integer", "minimum": 0 })
    );
    assert_eq!(schema["properties"]["b"], json!({ "type": "integer" }));
    assert_eq!(schema["properties"]["c"], json!({ "type": "number" }));
    assert_eq!(
        schema["properties"]["day"],
        json!({ "type": "string", "format": "date" })
    );
    assert_eq!(
        schema["properties"]["page"],
        json!({ "type": ["string", "null"], "description": "(format: uri)" })
    );
    can_answer(&Numbers {
        a: u64::MAX,
        b: -1,
        c: 0.5,
        d: 0,
        took: Duration::from_millis(1500),
        day: "2026-01-31".into(),
        page: None,
    });
}

#[test]
fn a_type_that_contains_itself_is_referred_to() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Section {
        title: String,
        /// The parts.
        sections: Vec<Section>,
        next: Option<Box<Section>>,
    }
    let leaf = |title: &str| Section {
        title: title.into(),
        sections: Vec::new(),
        next: None,
    };
    let schema = schema::<Section>();
    assert_eq!(
        schema["properties"]["sections"]["items"],
        json!({ "$ref": "#" })
    );
    assert_eq!(schema.get("$defs"), None);
    can_answer(&Section {
        sections: vec![leaf("a"), leaf("b")],
        next: Some(Box::new(leaf("c"))),
        ..leaf("root")
    });
}

#[test]
fn a_flattened_struct_is_written_out() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Signed {
        text: String,
        #[serde(flatten)]
        author: Author,
    }
    assert_eq!(
        schema::<Signed>()["required"],
        json!(["text", "name", "email"])
    );
    can_answer(&Signed {
        text: "t".into(),
        author: author(),
    });
}

#[test]
fn an_empty_struct_and_a_generic_one_are_accepted() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Nothing {}
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Page<T> {
        items: Vec<T>,
        after: Option<T>,
    }
    can_answer(&Nothing {});
    can_answer(&Page {
        items: vec![author()],
        after: Some(author()),
    });
}

#[test]
fn names_are_of_the_letters_and_the_length_that_providers_take() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "a long ünusual~ 100% name/of 64 letters at the very most, not more")]
    struct Long {
        next: Option<Box<Long>>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "of 2")]
    struct Spaced {}
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "of_2")]
    struct Underlined {
        a: u8,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Both {
        long: Long,
        spaced: Spaced,
        underlined: Underlined,
    }
    let expected = "a_long__nusual__100__name_of_64_letters_at_the_very_most__not_mo";
    assert_eq!(strict(&of::<Long>()).unwrap().name, expected);
    let schema = schema::<Both>();
    let defined: Vec<_> = schema["$defs"].as_object().unwrap().keys().collect();
    assert_eq!(defined, [expected, "of_2", "of_2_"]);
    can_answer(&Both {
        long: Long { next: None },
        spaced: Spaced {},
        underlined: Underlined { a: 1 },
    });
}
