//! Whatever serde makes of a type, a prompt names the fields as they are in JSON; what is not known is not checked.

use std::collections::HashMap;

use flow_engine::ErrorKind;
// Also what the macros' constants use.
use flow_engine::__private::shape::{self, Shape, ShapeOf};
use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::engine_with;

#[data]
#[serde(rename_all = "camelCase", tag = "type")]
struct Article {
    main_title: String,
    #[serde(rename = "TAGS")]
    tags: Vec<String>,
    kind: Kind,
    id: Id,
    #[serde(flatten)]
    meta: Meta,
    #[serde(flatten)]
    extra: HashMap<String, String>,
    #[serde(with = "as_text")]
    #[schemars(with = "String")]
    custom: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    maybe: Option<String>,
    rest: Foreign,
    any: Value,
    untagged: Untagged,
    word: Box<str>,
    pair: (String, u32),
    note: Option<Note>,
    sections: Vec<Section>,
    counts: HashMap<String, u32>,
    page: Page<Foreign>,
    looked: Looked,
    #[serde(skip)]
    _left_out: u32,
}

#[data]
#[serde(rename_all = "lowercase")]
enum Kind {
    News,
    Essay,
}

#[data]
#[serde(untagged)]
enum Untagged {
    One(String),
    Two { x: u32 },
}

/// In JSON it is its text.
#[data]
struct Id(String);

#[data]
struct Meta {
    source: String,
}

#[data]
struct Note {
    text: Option<String>,
}

#[data]
struct Section {
    heading: String,
    note: Option<String>,
    children: Vec<Self>,
}

#[data]
struct Page<T> {
    items: Vec<T>,
}

#[data]
#[serde(from = "Note", into = "Note")]
struct Looked {
    hidden: u32,
}

impl From<Note> for Looked {
    fn from(_: Note) -> Self {
        Self { hidden: 0 }
    }
}

impl From<Looked> for Note {
    fn from(looked: Looked) -> Self {
        let text = Some(looked.hidden.to_string());
        Self { text }
    }
}

/// Described by nobody.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
struct Foreign {
    deep: Inner,
    anything: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Inner {
    deeper: String,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            deeper: "deep".to_owned(),
        }
    }
}

mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(number: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&number.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Uses all of it.
#[step(seed = -3, stop = ["END", "STOP"], top_p = 0.5, reasoning_effort = "low")]
async fn everything(
    article: Article,
    tone: String,
    value: Value,
    foreign: Foreign,
    #[input(param)] temperature: Option<f64>,
    #[input(param, default = 100)] max_output_tokens: u32,
) -> String;

fn section(heading: &str, children: Vec<Section>) -> Section {
    Section {
        heading: heading.to_owned(),
        note: Some("noted".to_owned()),
        children,
    }
}

fn article() -> Article {
    Article {
        main_title: "Rain".to_owned(),
        tags: vec!["wet".to_owned()],
        kind: Kind::News,
        id: Id("a1".to_owned()),
        meta: Meta {
            source: "the sky".to_owned(),
        },
        extra: HashMap::from([("more".to_owned(), "extra".to_owned())]),
        custom: 5,
        maybe: None,
        rest: Foreign::default(),
        any: json!({ "thing": "any" }),
        untagged: Untagged::Two { x: 7 },
        word: "word".into(),
        pair: ("left".to_owned(), 2),
        note: None,
        sections: vec![section(
            "one",
            vec![section("two", vec![section("three", vec![])])],
        )],
        counts: HashMap::from([("x".to_owned(), 3)]),
        page: Page {
            items: vec![Foreign::default()],
        },
        looked: Looked { hidden: 1 },
        _left_out: 0,
    }
}

/// What compiles renders: the names in the prompt are those of the JSON.
#[tokio::test]
async fn a_prompt_names_fields_as_they_are_in_json() {
    let mock = MockBackend::new().answer("everything", "done");
    let engine = engine_with(mock.clone()).await;
    let value = json!({ "a": { "b": [{ "c": "deep value" }] } });
    let call = everything(article(), "kind", value, Foreign::default()).temperature(0.25);
    engine.execute(call).await.unwrap();
    let request = mock.requests().remove(0);
    let text: Vec<_> = request
        .messages
        .iter()
        .map(|message| &message.content)
        .collect();
    assert_eq!(
        text,
        [
            "You edit.\nBe brief. Be kind.Nothing.",
            "NewsRain [\"wet\"] news a1 the sky\n5 x deep\nArticle any 7 word left\n1 noted noted\nx 3one 3 deep value\n\
             deep 1 deepone\nONE",
        ]
    );
    let parameters = request.parameters;
    assert_eq!(parameters.temperature, Some(0.25), "the input's");
    assert_eq!(
        parameters.max_output_tokens,
        Some(100),
        "the input's default"
    );
    assert_eq!((parameters.seed, parameters.top_p), (Some(-3), Some(0.5)));
    assert_eq!(parameters.stop.unwrap(), ["END", "STOP"]);
}

#[tokio::test]
async fn a_parameter_that_is_not_set_is_that_of_the_prompt_and_a_wrong_one_is_not_sent() {
    let mock = MockBackend::new().answer("everything", "done");
    let engine = engine_with(mock.clone()).await;
    let call = || {
        everything(
            article(),
            "kind",
            json!({ "a": { "b": [{ "c": 1 }] } }),
            Foreign::default(),
        )
    };
    engine.execute(call()).await.unwrap();
    assert_eq!(mock.requests()[0].parameters.temperature, Some(0.5));
    let error = engine.execute(call().temperature(3.0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        format!("{error:#}").ends_with("the input `temperature` must be a number from 0 to 2"),
        "{error:#}"
    );
    assert_eq!(mock.requests().len(), 1);
}

type Deep = shape::Deeper<shape::Deeper<shape::Deeper<shape::End>>>;

/// Whether the description of a type is true of a value of it.
fn assert_fits(shape: &Shape, json: &Value, path: &str) {
    let fits = match (shape, json) {
        (Shape::Any, _)
        | (Shape::Text, Value::String(_))
        | (Shape::Number, Value::Number(_))
        | (Shape::Optional(_), Value::Null) => true,
        (Shape::Optional(inner), json) => {
            assert_fits(inner, json, path);
            true
        }
        (Shape::List(item), Value::Array(items)) => {
            for json in items {
                assert_fits(item, json, &format!("{path}[]"));
            }
            true
        }
        (Shape::Map(value), Value::Object(fields)) => {
            for (name, json) in fields {
                assert_fits(value, json, &format!("{path}.{name}"));
            }
            true
        }
        (Shape::Record { fields, .. }, Value::Object(object)) => {
            for field in *fields {
                match field.name {
                    Some(name) if matches!(field.shape, Shape::Any) => {
                        assert_fits(&field.shape, object.get(name).unwrap_or(&Value::Null), path);
                    }
                    Some(name) => {
                        assert_fits(&field.shape, &object[name], &format!("{path}.{name}"));
                    }
                    None if matches!(field.shape, Shape::Record { .. }) => {
                        assert_fits(&field.shape, json, path);
                    }
                    None => {}
                }
            }
            true
        }
        _ => false,
    };
    assert!(fits, "{path} is {json} and not {shape:?}");
}

#[test]
fn the_description_of_a_type_is_true_of_its_json() {
    let described = ShapeOf::<Article, Deep>::SHAPE;
    assert_fits(
        &described,
        &serde_json::to_value(article()).unwrap(),
        "article",
    );
    let Shape::Record { name, fields } = described else {
        panic!("{described:?}")
    };
    assert_eq!((name, fields.len()), ("Article", 19));
    let unknown = fields
        .iter()
        .filter(|field| matches!(field.shape, Shape::Any))
        .map(|field| field.name.unwrap());
    assert_eq!(
        unknown.collect::<Vec<_>>(),
        [
            "custom", "maybe", "rest", "any", "untagged", "page", "looked"
        ]
    );
}
