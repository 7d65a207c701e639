//! A step whose answer is shown while it comes.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use jiter::{JsonValue, PartialMode};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Done, StepResult};
use crate::call::Executed as _;
use crate::definition::{Definition, WorkKind};
use crate::error::Error;
use crate::lock::lock;
use crate::schema;
use crate::step::StepKind;

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Delta {
    /// What comes next.
    Text(String),
    /// What has come so far is void: the answer could not be used, and the model is asked again.
    Again,
}

fn value(json: &JsonValue<'_>) -> Value {
    match json {
        JsonValue::Null => Value::Null,
        JsonValue::Bool(bool) => (*bool).into(),
        JsonValue::Int(number) => (*number).into(),
        JsonValue::BigInt(number) => number
            .to_string()
            .parse()
            .map_or(Value::Null, Value::Number),
        JsonValue::Float(number) => (*number).into(),
        JsonValue::Str(text) => text.as_ref().into(),
        JsonValue::Array(items) => items.iter().map(value).collect(),
        JsonValue::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.to_string(), value(field)))
            .collect(),
    }
}

/// The JSON of a text that has not come to its end.
fn so_far(text: &str) -> Option<Value> {
    let begin = text.find(['{', '['])?;
    let json = &text.as_bytes()[begin..];
    let json = JsonValue::parse_with_config(json, false, PartialMode::TrailingStrings).ok()?;
    Some(value(&json))
}

/// Where the pieces of an answer go.
#[derive(Debug, Clone)]
pub(super) struct Deltas {
    to: UnboundedSender<Delta>,
    /// What is out, of the answer that counts.
    given: Arc<Mutex<String>>,
}

impl Deltas {
    pub(super) fn new() -> (Self, UnboundedReceiver<Delta>) {
        let (to, from) = unbounded_channel();
        let given = Arc::default();
        (Self { to, given }, from)
    }

    /// Says whether it is one.
    pub(super) fn give(&self, text: &str) -> bool {
        if !text.is_empty() {
            lock(&self.given).push_str(text);
            // Whoever drops the receiver drops the step with it.
            let _ = self.to.send(Delta::Text(text.to_owned()));
        }
        !text.is_empty()
    }

    /// What is out of the answer.
    pub(super) fn given(&self) -> String {
        lock(&self.given).clone()
    }

    /// Whether a piece of the answer is out.
    pub(super) fn is_given(&self) -> bool {
        !lock(&self.given).is_empty()
    }

    /// What was given is void. Says whether there was something.
    pub(super) fn again(&self) -> bool {
        let was_given = !std::mem::take(&mut *lock(&self.given)).is_empty();
        if was_given {
            let _ = self.to.send(Delta::Again);
        }
        was_given
    }
}

/// The answer of a step as it comes: a stream of [`Delta`]s, and then the step's result.
///
/// The step runs while this is polled: one that is held and not polled keeps its request, and its place under a
/// [`Limit`](crate::llm::Limit). Dropped before its end, it cancels the request, and the rows say so; a run of this step
/// alone is then interrupted, so it is among those that [`Engine::resume_interrupted`](crate::Engine::resume_interrupted) asks
/// for again. A recorded answer comes in one piece, and so does one of a backend that does not stream, an image, or news.
///
/// ```
/// # use flow_engine::prelude::*;
/// # #[step(prompt = "summarize.md")]
/// # async fn summarize(content: String, #[input(default = "plain")] style: String) -> String;
/// # async fn example() -> Result<()> {
/// use flow_engine::Delta;
///
/// let mut answer = summarize("…").stream();
/// while let Some(delta) = answer.next().await {
///     match delta {
///         Delta::Text(text) => print!("{text}"),
///         _ => println!("\n--"),
///     }
/// }
/// let done = answer.finish().await?;
/// println!("\n{} tokens", done.metadata.tokens_used);
/// # Ok(())
/// # }
/// ```
#[must_use = "a step does nothing until its stream is polled"]
pub struct StepStream<T> {
    step: Option<BoxFuture<'static, Result<Done, Error>>>,
    deltas: UnboundedReceiver<Delta>,
    end: Option<Result<Done, Error>>,
    definition: &'static Definition,
    text: String,
    typed: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for StepStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepStream")
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

impl<T: 'static> StepStream<T> {
    pub(super) fn new(
        definition: &'static Definition,
        deltas: UnboundedReceiver<Delta>,
        step: BoxFuture<'static, Result<Done, Error>>,
    ) -> Self {
        Self {
            step: Some(step),
            deltas,
            end: None,
            definition,
            text: String::new(),
            typed: PhantomData,
        }
    }

    /// What has come so far, of the answer that counts.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What has come so far of a structured answer, as JSON: what is open is closed, a value that has not begun is left out.
    /// `None` before the JSON begins, and of a step whose answer is a text.
    ///
    /// A part of an answer: it need not fit the step's type yet, nor keep its constraints. A list comes as one, though the model
    /// is asked for an object around it, which is there in the text.
    pub fn snapshot(&self) -> Option<Value> {
        let schema = self.kind()?.written_as(&self.definition.output)?;
        schema::opened(&schema, so_far(&self.text)?)
    }

    /// The next piece; `None` once the step has ended. [`StepStream`] is a [`Stream`] as well.
    pub async fn next(&mut self) -> Option<Delta> {
        StreamExt::next(self).await
    }

    /// Waits for the end, and gives the result that `execute()` would have given.
    ///
    /// # Errors
    /// What the step failed with. An answer that breaks off after its first piece is not asked for again: the error has what
    /// came, by [`LlmError::partial`](crate::LlmError::partial).
    pub async fn finish(mut self) -> Result<StepResult<T>, Error> {
        while self.next().await.is_some() {}
        match self.end {
            Some(end) => end.map(StepResult::of),
            None => unreachable!("a stream ends with its step"),
        }
    }

    fn received(&mut self, delta: Delta) -> Poll<Option<Delta>> {
        match &delta {
            Delta::Text(text) => self.text.push_str(text),
            Delta::Again => self.text.clear(),
        }
        Poll::Ready(Some(delta))
    }

    /// The whole answer, if none of it came in pieces: as it would have come.
    fn whole(&self) -> Option<Delta> {
        let Some(Ok(done)) = &self.end else {
            return None;
        };
        let output = &self.definition.output;
        let mut value = output.value_of(&done.output).ok()?;
        if let Some(kind) = self.kind() {
            value = kind.written(value);
            if let Some(schema) = kind.written_as(output) {
                value = schema::wrapped(&schema, value);
            }
        }
        let text = match value {
            Value::String(text) => text,
            json => json.to_string(),
        };
        (self.text.is_empty() && !text.is_empty()).then_some(Delta::Text(text))
    }

    /// None of a task.
    fn kind(&self) -> Option<&'static dyn StepKind> {
        match self.definition.work {
            WorkKind::Model { kind, .. } => Some(kind),
            WorkKind::Flow { .. } | WorkKind::Task => None,
        }
    }
}

impl<T: 'static> Stream for StepStream<T> {
    type Item = Delta;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delta>> {
        let this = &mut *self;
        loop {
            if let Ok(delta) = this.deltas.try_recv() {
                return this.received(delta);
            }
            let Some(step) = &mut this.step else {
                return Poll::Ready(None);
            };
            // The step itself is polled here, so nothing comes while it waits.
            let Poll::Ready(end) = step.as_mut().poll(cx) else {
                match this.deltas.try_recv() {
                    Ok(delta) => return this.received(delta),
                    Err(_) => return Poll::Pending,
                }
            };
            this.step = None;
            this.end = Some(end);
            if let Ok(delta) = this.deltas.try_recv() {
                return this.received(delta);
            }
            if let Some(whole) = this.whole() {
                return this.received(whole);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn once_the_json_has_begun_there_is_a_snapshot_of_each_part() {
        let json = r#"{"a": "\ud83d\ude00 \u00e9 \\ \" \n x", "b": [-1.5, 12, true, null, {"c": {}}], "d": "ü😀", "e": 18446744073709551615}"#;
        for (end, _) in json.char_indices().skip(1) {
            assert!(so_far(&json[..end]).is_some(), "{}", &json[..end]);
        }
        assert_eq!(so_far(json), serde_json::from_str(json).ok());
        assert_eq!(so_far("Here it"), None);
        for dressed in ["Here: {\"a\": 1", "```json\n{\"a\": 1}\n```\n"] {
            assert_eq!(so_far(dressed), Some(json!({ "a": 1 })));
        }
    }
}
