//! Outputs that are not an object, which the dialect's root must be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{can_answer, of, schema};
use crate::schema::unwrapped;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Tree {
    Leaf(u8),
    Node(Vec<Tree>),
}

#[test]
fn a_root_that_is_no_object_is_wrapped() {
    assert_eq!(
        schema::<String>(),
        json!({
            "type": "object",
            "properties": { "value": { "type": "string" } },
            "required": ["value"],
            "additionalProperties": false,
        })
    );
    can_answer(&String::from("text"));
    can_answer(&vec![1_u8, 2]);
    can_answer(&Some(0.5));
    can_answer(&None::<String>);
    can_answer(&true);
    can_answer(&());
}

#[test]
fn a_struct_around_one_value_is_answered_as_that_value() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Point {
        x: i32,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Around(Point);
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Named(String);
    can_answer(&Around(Point { x: 1 }));
    can_answer(&Named("n".into()));
}

#[test]
fn a_wrapped_root_that_contains_itself_is_found_among_the_definitions() {
    let schema = schema::<Tree>();
    assert_eq!(
        schema["properties"]["value"],
        json!({ "$ref": "#/$defs/Tree" })
    );
    can_answer(&Tree::Node(vec![Tree::Leaf(1), Tree::Node(Vec::new())]));
    can_answer(&vec![Tree::Leaf(1), Tree::Node(vec![Tree::Leaf(2)])]);
    can_answer(&Some(Tree::Leaf(1)));
}

#[test]
fn a_wrapped_root_does_not_take_the_place_of_another_type_of_its_name() {
    mod other {
        #[derive(
            Debug, Clone, PartialEq, super::Serialize, super::Deserialize, super::JsonSchema,
        )]
        pub(super) struct Tree {
            pub(super) height: u8,
        }
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "Tree")]
    enum Forest {
        One(other::Tree),
        Many(Vec<Forest>),
    }
    let one = Forest::One(other::Tree { height: 3 });
    can_answer(&Forest::Many(vec![one.clone(), Forest::Many(vec![one])]));
}

#[test]
fn only_what_was_wrapped_is_unwrapped() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Priced {
        value: u8,
    }
    let answer = json!({ "value": 3 });
    assert_eq!(unwrapped(&of::<Priced>().schema(), answer.clone()), answer);
    assert_eq!(unwrapped(&of::<u8>().schema(), answer), 3);
    assert_eq!(
        unwrapped(&of::<Option<u8>>().schema(), json!({ "value": null })),
        Value::Null
    );
    // A server that ignores the schema may leave the wrapper out.
    assert_eq!(unwrapped(&of::<Vec<u8>>().schema(), json!([3])), json!([3]));
    let tree = json!({ "Leaf": 1 });
    assert_eq!(unwrapped(&of::<Tree>().schema(), tree.clone()), tree);
}
