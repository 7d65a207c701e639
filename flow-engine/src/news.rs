//! What a search on the web gave: the output of a `news` step.

mod cleaning;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub(crate) use self::cleaning::{Cited, cited};
#[cfg(feature = "feeds")]
pub(crate) use self::cleaning::{page, title};
use crate::constraints::{Constrained, Violations};
use crate::llm::{Citation, Source};
use crate::shape::{Depth, Described, Field, Shape};

/// What a model found on the web, and where: the output of a `news` step.
///
/// Every address in it is one by `http` or `https`, of at most 8 KiB, without white space, `"`, `` ` ``, `\`, `<` and `>`, invisible
/// characters or a user's name, and every cited one is among the sources; what has another form is left out. That a page says what the
/// model says it does is not checked.
///
/// ```
/// use flow_engine::News;
/// # fn show(news: News) {
/// println!("{}", news.content);
/// for source in &news.sources {
///     println!("- {}", source.url);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct News<T = String> {
    /// What the model wrote.
    pub content: T,
    /// What it rests on, in the order in which the model gave it. A position is one in `content` if that is a text, and no two
    /// overlap without being the same; the citations of a type of yours have no positions.
    #[serde(default)]
    pub citations: Vec<Citation>,
    /// The pages that were cited, and then those that were found, each once.
    #[serde(default)]
    pub sources: Vec<Source>,
}

/// What stands before the name of the content's type in that of the schema.
pub(crate) const NAME: &str = "News_of_";

// By hand: what is derived describes the content, and that description would be sent to the model.
impl<T: JsonSchema> JsonSchema for News<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{NAME}{}", T::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("flow_engine::News<{}>", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "content": generator.subschema_for::<T>(),
                "citations": generator.subschema_for::<Vec<Citation>>(),
                "sources": generator.subschema_for::<Vec<Source>>(),
            },
            "required": ["content"],
        })
    }
}

impl<T: Constrained> Constrained for News<T> {
    const ANY: bool = T::ANY;

    fn check(&self, found: &mut Violations) {
        found.field("content", &self.content, T::check);
    }
}

const fn field(name: &'static str, shape: Shape) -> Field {
    Field {
        name: Some(name),
        shape,
    }
}

const PAGE: [Field; 2] = [
    field("title", Shape::Optional(&Shape::Text)),
    field("url", Shape::Text),
];

const CITATION: [Field; 4] = [
    PAGE[0],
    PAGE[1],
    field("start", Shape::Optional(&Shape::Number)),
    field("end", Shape::Optional(&Shape::Number)),
];

impl<D: Depth, T: Described<D>> Described<D> for News<T> {
    const SHAPE: Shape = Shape::Record {
        name: "News",
        fields: &[
            field("content", T::SHAPE),
            field(
                "citations",
                Shape::List(&Shape::Record {
                    name: "Citation",
                    fields: &CITATION,
                }),
            ),
            field(
                "sources",
                Shape::List(&Shape::Record {
                    name: "Source",
                    fields: &PAGE,
                }),
            ),
        ],
    };
}
