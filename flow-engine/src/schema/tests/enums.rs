//! Enums, in all of serde's representations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{can_answer, schema};

/// A round thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Circle {
    radius: f64,
}

const ROUND: Circle = Circle { radius: 1.5 };

/// One field, so that the enum is not the root.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Of<T> {
    shape: T,
}

/// All of them as a field, as a `Vec`, as an `Option`, and as the root.
fn can_answer_all<T>(shapes: &[T])
where
    T: crate::output::OutputType + Clone + PartialEq + std::fmt::Debug,
{
    for shape in shapes {
        can_answer(shape);
        can_answer(&Of {
            shape: shape.clone(),
        });
        can_answer(&Of {
            shape: Some(shape.clone()),
        });
    }
    can_answer(&shapes.to_vec());
    can_answer(&Of {
        shape: shapes.to_vec(),
    });
}

#[test]
fn names_alone_are_an_enum() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Mood {
        Glad,
        Sad,
    }
    assert_eq!(
        schema::<Of<Mood>>()["$defs"]["Mood"],
        json!({ "type": "string", "enum": ["glad", "sad"] })
    );
    can_answer_all(&[Mood::Glad, Mood::Sad]);
}

#[test]
fn documented_names_keep_their_documentation() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    enum Urgency {
        /// Within the hour.
        High,
        /// Within the week.
        Low,
        None,
    }
    let schema = schema::<Of<Urgency>>();
    let told: Vec<_> = schema["$defs"]["Urgency"]["anyOf"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|variant| variant["description"].as_str())
        .collect();
    assert_eq!(told, ["Within the hour.", "Within the week."]);
    can_answer_all(&[Urgency::High, Urgency::Low, Urgency::None]);
}

#[test]
fn an_externally_tagged_enum_is_accepted() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    enum Shape {
        Circle(Circle),
        Square { side: u32 },
        Point,
        Boxed(Box<Circle>),
    }
    can_answer_all(&[
        Shape::Circle(ROUND),
        Shape::Square { side: 1 },
        Shape::Point,
        Shape::Boxed(Box::new(ROUND)),
    ]);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
enum Tagged {
    /// Drawn with a compass.
    Circle(Circle),
    Square {
        side: u32,
    },
    Point,
}

fn tagged() -> [Tagged; 3] {
    [
        Tagged::Circle(ROUND),
        Tagged::Square { side: 1 },
        Tagged::Point,
    ]
}

#[test]
fn the_tag_of_an_internally_tagged_enum_stands_among_the_fields_of_its_struct() {
    let schema = schema::<Of<Tagged>>();
    assert_eq!(
        schema["$defs"]["Tagged"]["anyOf"][0],
        json!({
            "type": "object",
            "properties": {
                "type": { "type": "string", "const": "Circle" },
                "radius": { "type": "number" },
            },
            "required": ["type", "radius"],
            "additionalProperties": false,
            "description": "Drawn with a compass.",
        })
    );
    assert_eq!(
        schema["$defs"].get("Circle"),
        None,
        "it is written out, and not sent twice"
    );
    can_answer_all(&tagged());
}

#[test]
fn an_adjacently_tagged_enum_is_accepted() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "t", content = "c")]
    enum Shape {
        Circle(Circle),
        Square { side: u32 },
        Point,
    }
    can_answer_all(&[
        Shape::Circle(ROUND),
        Shape::Square { side: 1 },
        Shape::Point,
    ]);
}

#[test]
fn an_untagged_enum_is_accepted() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(untagged)]
    enum Shape {
        Circle(Circle),
        Named(String),
        Square { side: u32 },
    }
    can_answer_all(&[
        Shape::Circle(ROUND),
        Shape::Named("dot".into()),
        Shape::Square { side: 1 },
    ]);
}

#[test]
fn fields_beside_a_flattened_enum_stand_in_each_of_its_variants() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    enum External {
        Circle(Circle),
        Point,
    }
    /// Something that was drawn.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Drawn<T> {
        /// Who drew it.
        by: String,
        #[serde(flatten)]
        shape: T,
    }
    let all = tagged().map(|shape| Drawn {
        by: "Ada".into(),
        shape,
    });
    can_answer_all(&all);
    can_answer_all(
        &[External::Circle(ROUND), External::Point].map(|shape| Drawn {
            by: "Ada".into(),
            shape,
        }),
    );
    let schema = schema::<Drawn<Tagged>>();
    let value = &schema["properties"]["value"];
    assert_eq!(value["description"], "Something that was drawn.");
    let fields: Vec<_> = value["anyOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| variant["required"].clone())
        .collect();
    let expected = [
        json!(["by", "type", "radius"]),
        json!(["by", "type", "side"]),
        json!(["by", "type"]),
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        value["anyOf"][2]["properties"]["by"]["description"],
        "Who drew it."
    );
}

#[test]
fn an_enum_within_a_tagged_enum_is_written_out() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "layer")]
    enum Layer {
        Drawing(Tagged),
        Empty,
    }
    let [circle, square, point] = tagged();
    can_answer_all(&[
        Layer::Drawing(circle),
        Layer::Drawing(square),
        Layer::Drawing(point),
        Layer::Empty,
    ]);
}

#[test]
fn an_enum_that_contains_itself_is_referred_to() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "op")]
    enum Term {
        Number { value: i64 },
        Sum(Sum),
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Sum {
        terms: Vec<Term>,
    }
    let number = Term::Number { value: 2 };
    let sum = Term::Sum(Sum {
        terms: vec![number.clone(), Term::Sum(Sum { terms: Vec::new() })],
    });
    can_answer_all(&[number, sum]);
    let root = schema::<Term>();
    let reference: &Value = &root["properties"]["value"]["$ref"];
    assert_eq!(reference, "#/$defs/Term");
}
