//! News from a model that searches the web: a text or a Rust type, and what it rests on.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::{Value, json};

use super::structured::{each_example, json as read_json, unfit};
use super::{Answer, Repair, StepCall, StepKind};
use crate::definition::Definition;
use crate::error::{Error, ErrorKind};
use crate::llm::{
    LlmError, LlmErrorKind, LlmRequest, LlmResponse, OutputFormat, SearchContext, WebSearch,
};
use crate::news::{Cited, NAME, cited};
use crate::output::Output;
use crate::schema::{self, Sent};

/// `kind = "news"`.
pub const NEWS: WebNews = WebNews::new();

/// The kind of a step whose model searches the web. Its output is a [`News`](crate::News): of the model's text, or of a type of
/// yours, which the model is held to as in a structured step.
///
/// `#[step(kind = "news")]` is [`NEWS`], which searches everywhere; a constant of your own can say where:
///
/// ```
/// use flow_engine::step::WebNews;
///
/// const OFFICIAL: WebNews = WebNews::new()
///     .allowed_domains(&["europa.eu", "bund.de"])
///     .country("DE");
/// # let _ = OFFICIAL;
/// ```
///
/// and the step is `#[step(kind = OFFICIAL)]`.
#[derive(Debug, Clone, Copy)]
pub struct WebNews {
    allowed_domains: &'static [&'static str],
    country: Option<&'static str>,
    context: Option<SearchContext>,
}

impl WebNews {
    /// A search everywhere.
    pub const fn new() -> Self {
        Self {
            allowed_domains: &[],
            country: None,
            context: None,
        }
    }

    /// Only pages of these domains and their subdomains are found.
    pub const fn allowed_domains(mut self, domains: &'static [&'static str]) -> Self {
        self.allowed_domains = domains;
        self
    }

    /// The country that the search is made from, in two letters (ISO 3166-1): `DE`.
    pub const fn country(mut self, country: &'static str) -> Self {
        self.country = Some(country);
        self
    }

    /// How much of what is found the model reads.
    pub const fn context(mut self, context: SearchContext) -> Self {
        self.context = Some(context);
        self
    }

    fn search(&self) -> WebSearch {
        WebSearch {
            allowed_domains: self
                .allowed_domains
                .iter()
                .map(|domain| (*domain).to_owned())
                .collect(),
            country: self.country.map(str::to_owned),
            context: self.context,
        }
    }
}

impl Default for WebNews {
    fn default() -> Self {
        Self::new()
    }
}

impl StepKind for WebNews {
    fn name(&self) -> &'static str {
        "news"
    }

    fn check(&self, definition: &Definition) -> Result<(), String> {
        let content = Content::of(&definition.output)?;
        if content.is_text {
            return Ok(());
        }
        if definition.strict {
            content.strict().map_err(|reason| {
                format!(
                    "{reason}; or say `strict = false`, and the model is not held to the schema"
                )
            })?;
        }
        each_example(definition, &content.name, |text| {
            let answer: Value =
                serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
            let value = schema::sent_as(&content.schema, answer)?;
            Content::check(&definition.output, &with_nothing_cited(&value))
        })
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        let Definition { strict, output, .. } = call.definition;
        let wrong = |reason| Error::new(ErrorKind::Configuration, reason);
        let content = Content::of(output).map_err(wrong)?;
        let format = if content.is_text {
            OutputFormat::Text
        } else {
            let sent = if *strict {
                content.strict().map_err(wrong)?
            } else {
                schema::plain_of(&content.name, content.schema)
            };
            OutputFormat::JsonSchema {
                name: sent.name,
                schema: sent.schema,
                strict: *strict,
            }
        };
        let mut request = call.request(format)?;
        request.web_search = Some(self.search());
        Ok(request)
    }

    fn written_as(&self, output: &Output) -> Option<Value> {
        let content = Content::of(output).ok()?;
        (!content.is_text).then_some(content.schema)
    }

    fn written(&self, mut output: Value) -> Value {
        output["content"].take()
    }

    fn read<'a>(
        &'a self,
        call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Answer, LlmError>> {
        ready(read(&call.definition.output, response)).boxed()
    }
}

/// What the model writes: the type of the output's `content`.
struct Content {
    name: String,
    schema: Value,
    is_text: bool,
}

impl Content {
    fn of(output: &Output) -> Result<Self, String> {
        let name = output.name();
        let schema = output.schema();
        let no_news = || {
            format!(
                "a news step gives a `News`, of text or of a type of yours (`News<YourType>`), not a `{name}`"
            )
        };
        let inner = name.strip_prefix(NAME).ok_or_else(no_news)?.to_owned();
        let schema = schema::of_property(&schema, "content").ok_or_else(no_news)?;
        // As in an unstructured step, a type of one's own that is read from any text is one.
        let is_text =
            schema["type"] == "string" && output.reads(&with_nothing_cited(&Value::from("")));
        Ok(Self {
            name: inner,
            schema,
            is_text,
        })
    }

    fn strict(&self) -> Result<Sent, String> {
        schema::strict_of(&self.name, self.schema.clone())
    }

    /// The reason is about the content, since that is what the model wrote.
    fn check(output: &Output, news: &Value) -> Result<(), String> {
        output.check(news).map_err(|reason| {
            for (whole, part) in [
                ("at `content.", "at `"),
                ("at `content[", "at `["),
                ("at `content`: ", ""),
                ("`content.", "`"),
            ] {
                if let Some(rest) = reason.strip_prefix(whole) {
                    return format!("{part}{rest}");
                }
            }
            reason
        })
    }
}

fn with_nothing_cited(content: &Value) -> Value {
    json!({ "content": content, "citations": [], "sources": [] })
}

fn read(output: &Output, response: &LlmResponse) -> Result<Answer, LlmError> {
    let content = Content::of(output)
        .map_err(|reason| LlmError::new(LlmErrorKind::InvalidRequest, reason))?;
    let (text, value, repairs, cited) = if content.is_text {
        read_text(response)?
    } else {
        let (text, answer, repairs) = read_json(response)?;
        let value = schema::unwrapped(&content.schema, answer);
        let cited = cited(&response.citations, &response.sources, None);
        (text, value, repairs, cited)
    };
    // After what was cut or refused, where there may have been no time for a search.
    if response.usage.web_searches == Some(0) {
        let message = "the model answered without a search on the web";
        return Err(LlmError::new(LlmErrorKind::InvalidOutput, message).with_partial(text));
    }
    let value = json!({
        "content": value,
        "citations": cited.citations,
        "sources": cited.sources,
    });
    Content::check(output, &value).map_err(|reason| {
        let reason = schema::in_answer(&content.schema, &value["content"], reason);
        unfit(&content.name, &reason, text)
    })?;
    Ok(Answer { value, repairs })
}

type Read<'a> = (&'a str, Value, Vec<Repair>, Cited);

fn read_text(response: &LlmResponse) -> Result<Read<'_>, LlmError> {
    let text = response.accepted()?;
    let trimmed = text.trim();
    let before = text.chars().count() - text.trim_start().chars().count();
    let cited = cited(
        &response.citations,
        &response.sources,
        Some((before, trimmed)),
    );
    Ok((text, Value::from(trimmed), Vec::new(), cited))
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::News;
    use crate::llm::{Citation, Source, Usage};
    use crate::output::{OutputType, output};

    #[derive(Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
    struct Digest {
        /// At most five.
        events: Vec<Event>,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
    struct Event {
        title: String,
        causes: Vec<Event>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Mood {
        Good,
        Bad,
    }

    fn of<T: OutputType>() -> Output {
        output::<T>().erased()
    }

    /// What is sent for news of it is what is sent for it by itself.
    fn assert_sent_alike<T: OutputType>()
    where
        News<T>: OutputType,
    {
        let content = Content::of(&of::<News<T>>()).unwrap();
        assert!(!content.is_text);
        let (sent, alone) = (
            content.strict().unwrap(),
            schema::strict(&of::<T>()).unwrap(),
        );
        assert_eq!((sent.name, sent.schema), (alone.name, alone.schema));
        let (sent, alone) = (
            schema::plain_of(&content.name, content.schema),
            schema::plain(&of::<T>()),
        );
        assert_eq!(sent.name, alone.name);
        assert_eq!(sent.schema["properties"], alone.schema["properties"]);
    }

    #[test]
    fn the_model_is_sent_the_schema_of_the_content_only() {
        assert_sent_alike::<Digest>();
        assert_sent_alike::<Event>();
        assert_sent_alike::<Vec<Event>>();
        assert_sent_alike::<Option<Digest>>();
        assert_sent_alike::<Mood>();
        assert_sent_alike::<u8>();
        assert!(Content::of(&of::<News>()).unwrap().is_text);
    }

    #[test]
    fn another_type_than_news_is_refused_by_its_name() {
        let reason = Content::of(&of::<Digest>()).err().unwrap();
        assert!(reason.ends_with("not a `Digest`"), "{reason}");
    }

    fn read_as<T: OutputType>(response: &LlmResponse) -> Result<T, LlmError> {
        let answer = read(&of::<T>(), response)?;
        Ok(serde_json::from_value(answer.value).unwrap())
    }

    #[test]
    fn white_space_around_a_text_moves_its_positions() {
        let response = LlmResponse::text("\n\u{2003}Ä rose. \n")
            .with_citations([Citation::new("https://a.example").at(2, 3)])
            .with_sources([Source::new("https://b.example")]);
        let news: News = read_as(&response).unwrap();
        assert_eq!(news.content, "Ä rose.");
        assert_eq!(
            news.citations,
            [Citation::new("https://a.example").at(0, 1)]
        );
        assert_eq!(
            news.sources,
            [
                Source::new("https://a.example"),
                Source::new("https://b.example")
            ]
        );
    }

    #[test]
    fn a_type_is_read_as_a_structured_answer_is_and_has_no_positions() {
        let text = "```json\n{\"events\": [{\"title\": \"Flood\", \"causes\": []}]}\n```";
        let response =
            LlmResponse::text(text).with_citations([Citation::new("https://a.example").at(2, 5)]);
        let answer = read(&of::<News<Digest>>(), &response).unwrap();
        assert_eq!(answer.repairs, [Repair::CodeFence]);
        let news: News<Digest> = serde_json::from_value(answer.value).unwrap();
        assert_eq!(news.content.events[0].title, "Flood");
        assert_eq!(news.citations, [Citation::new("https://a.example")]);
        let wrapped: News<Vec<u8>> = read_as(&LlmResponse::text("{\"value\": [1]}")).unwrap();
        assert_eq!(wrapped.content, [1]);
    }

    #[test]
    fn what_does_not_fit_is_told_as_the_model_wrote_it() {
        let message = |text: &str| {
            let error = read_as::<News<Digest>>(&LlmResponse::text(text)).unwrap_err();
            assert_eq!(error.kind(), LlmErrorKind::InvalidOutput);
            assert_eq!(error.partial(), Some(text));
            error.to_string()
        };
        assert_eq!(
            message(r#"{"events": [{"title": true, "causes": []}]}"#),
            "the answer does not fit `Digest`: at `events[0].title`: invalid type: boolean `true`, expected a string"
        );
        assert_eq!(
            message("{}"),
            "the answer does not fit `Digest`: missing field `events`"
        );
    }

    #[test]
    fn an_answer_without_a_search_is_no_news() {
        let answered = |searches| {
            let response = LlmResponse {
                usage: Usage {
                    web_searches: searches,
                    ..Usage::default()
                },
                ..LlmResponse::text("Invented.")
            };
            read_as::<News>(&response)
                .map_err(|error| error.kind())
                .err()
        };
        assert_eq!(answered(Some(0)), Some(LlmErrorKind::InvalidOutput));
        assert_eq!(answered(Some(1)), None);
        assert_eq!(answered(None), None, "a backend that does not count them");
    }
}
