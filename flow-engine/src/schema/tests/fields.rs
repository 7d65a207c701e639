//! Structs and what their fields may be.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::{NonZeroI32, NonZeroU8};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{can_answer, of, schema};
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
                "type": { "type": ["integer", "null"], "description": "(minimum: 0, maximum: 255)" },
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
fn constraints_are_told_in_the_description() {
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
    let told: Vec<_> = schema["properties"]
        .as_object()
        .unwrap()
        .values()
        .map(|property| property["description"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        told,
        [
            "The verdict. (minimum: 1, maximum: 5)",
            "(minLength: 3, maxLength: 80, pattern: ^[A-Z])",
            "(maxItems: 4)",
            "(exclusiveMinimum: 0.0)",
            "(format: ip)",
            "(minLength: 1, maxLength: 1)",
            "(not: {\"const\":0})",
            "(minimum: 1, maximum: 255)",
            "(minItems: 2)",
            "(uniqueItems: true)",
            "(minItems: 2, maxItems: 2)",
            "",
        ]
    );
    assert_eq!(
        schema["properties"]["tags"]["items"]["description"],
        "(maxLength: 20)"
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
        json!({ "type": "integer", "description": "(minimum: 0)" })
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
