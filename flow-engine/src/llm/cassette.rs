//! A recording of a model's answers: taken from a live backend once, replayed without one ever after.

use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LlmBackend, LlmError, LlmErrorKind, LlmRequest, LlmResponse};
use crate::error::{Error, ErrorKind};
use crate::lock::lock;

/// What the ledger calls a request that went to a recording.
pub(crate) const REPLAY: &str = "replay";

/// The version of the file's form.
const FORMAT: u32 = 1;

/// A backend that records another one's answers into a JSON file, or replays such a file.
///
/// An answer is found by its whole request (model, messages, parameters, output format), so a changed prompt
/// is a miss and never an answer to something else. Equal requests get their answers in the order recorded; the
/// last one repeats.
#[derive(Debug)]
pub struct Cassette {
    mode: Mode,
    provider: String,
    model: Option<String>,
}

#[derive(Debug)]
enum Mode {
    Replay {
        source: String,
        /// By the request's JSON: what is still to be given, in order.
        answers: Mutex<HashMap<String, VecDeque<LlmResponse>>>,
        /// By the answer as it came.
        by_raw: HashMap<String, LlmResponse>,
    },
    Record {
        path: PathBuf,
        inner: Box<dyn LlmBackend>,
        tape: Mutex<Tape>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tape {
    format: u32,
    provider: String,
    model: String,
    interactions: Vec<Interaction>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Interaction {
    step: String,
    request: LlmRequest,
    response: LlmResponse,
    /// The answer as it came; JSON is kept as JSON, so that the file reads well.
    raw: Value,
}

impl Cassette {
    /// Replays a file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a cassette of this version.
    pub fn replay(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| {
            configuration(format!(
                "cannot read the cassette {}: {error}",
                path.display()
            ))
        })?;
        Self::from_json(&path.display().to_string(), &text)
    }

    /// Replays a cassette's text, such as `include_str!("answers.json")`; `source` names it in messages.
    ///
    /// # Errors
    /// When the text is not a cassette of this version.
    pub fn from_json(source: &str, text: &str) -> Result<Self, Error> {
        let tape: Tape = serde_json::from_str(text)
            .map_err(|error| configuration(format!("{source} is not a cassette: {error}")))?;
        if tape.format != FORMAT {
            return Err(configuration(format!(
                "the cassette {source} has format {}, this version reads format {FORMAT}; record it again",
                tape.format
            )));
        }
        let mut answers: HashMap<_, VecDeque<_>> = HashMap::new();
        let mut by_raw = HashMap::new();
        for interaction in tape.interactions {
            let key = key(&interaction.request)
                .map_err(|error| configuration(format!("{source} is not a cassette: {error}")))?;
            let raw = match interaction.raw {
                Value::String(text) => text,
                json => json.to_string(),
            };
            let response = LlmResponse {
                raw,
                ..interaction.response
            };
            by_raw.insert(response.raw.clone(), response.clone());
            answers.entry(key).or_default().push_back(response);
        }
        Ok(Self {
            provider: tape.provider,
            model: Some(tape.model),
            mode: Mode::Replay {
                source: source.to_owned(),
                answers: Mutex::new(answers),
                by_raw,
            },
        })
    }

    /// Passes requests on to `inner` and keeps each answer in the file, which is written anew: complete after
    /// every answer. The file's folder is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn record(path: impl Into<PathBuf>, inner: impl LlmBackend) -> Result<Self, Error> {
        let path = path.into();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| {
                configuration(format!(
                    "cannot make the folder {}: {error}",
                    folder.display()
                ))
            })?;
        }
        let provider = inner.provider().to_owned();
        Ok(Self {
            model: inner.default_model().map(str::to_owned),
            mode: Mode::Record {
                path,
                inner: Box::new(inner),
                tape: Mutex::new(Tape {
                    format: FORMAT,
                    provider: provider.clone(),
                    model: String::new(),
                    interactions: Vec::new(),
                }),
            },
            provider,
        })
    }

    /// The model whose answers it holds; `None` while recording from a backend without a default.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}

/// The next answer to a request; the last one stays.
fn replayed(
    source: &str,
    answers: &mut HashMap<String, VecDeque<LlmResponse>>,
    request: &LlmRequest,
) -> Result<LlmResponse, LlmError> {
    let next = answers.get_mut(&key(request)?).and_then(|equal| {
        if equal.len() > 1 {
            equal.pop_front()
        } else {
            equal.front().cloned()
        }
    });
    next.ok_or_else(|| {
        LlmError::new(
            LlmErrorKind::NotRecorded,
            format!(
                "{source} holds no answer to this request of the step `{}` to `{}`: the prompt, an input or a \
                 parameter differs from what was recorded; record it again or use a live model",
                request.step, request.model
            ),
        )
    })
}

fn keep(
    path: &Path,
    tape: &mut Tape,
    request: &LlmRequest,
    response: &LlmResponse,
) -> Result<(), LlmError> {
    let raw = request.secrets.hidden_in(&response.raw);
    let hidden = |text: &String| request.secrets.hidden_in(text).into_owned();
    let mut images = response.images.clone();
    for generated in &mut images {
        let revised = generated.image.revised_prompt.as_ref().map(hidden);
        generated.image.revised_prompt = revised;
    }
    let kept = LlmResponse {
        raw: String::new(),
        content: response.content.as_ref().map(hidden),
        refusal: response.refusal.as_ref().map(hidden),
        images,
        citations: response
            .citations
            .iter()
            .map(|cited| cited.map(hidden))
            .collect(),
        sources: response
            .sources
            .iter()
            .map(|source| source.map(hidden))
            .collect(),
        ..response.clone()
    };
    tape.model.clone_from(&request.model);
    tape.interactions.push(Interaction {
        step: request.step.clone(),
        request: request.shown()?,
        raw: serde_json::from_str(&raw).unwrap_or_else(|_| Value::String(raw.into_owned())),
        response: kept,
    });
    write_whole(path, tape).map_err(|error| {
        let message = format!("cannot write the cassette {}: {error}", path.display());
        // The answer was paid for: the ledger keeps it with the error.
        LlmError::new(LlmErrorKind::InvalidRequest, message)
            .with_answer(response.http_status.unwrap_or(200), &*response.raw)
    })
}

/// Replaces the file in one step: a reader, or a crash, never meets half of it.
fn write_whole(path: &Path, tape: &Tape) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = std::fs::File::create(&unfinished)?;
    serde_json::to_writer_pretty(&mut file, tape)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(unfinished, path)
}

/// What equal requests have in common.
fn key(request: &LlmRequest) -> Result<String, LlmError> {
    Ok(request.shown()?.to_json()?.to_string())
}

fn configuration(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

impl LlmBackend for Cassette {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn default_model(&self) -> Option<&str> {
        self.model()
    }

    fn operation(&self, request: &LlmRequest) -> &'static str {
        match &self.mode {
            Mode::Replay { .. } => REPLAY,
            Mode::Record { inner, .. } => inner.operation(request),
        }
    }

    fn searches_the_web(&self) -> bool {
        match &self.mode {
            Mode::Replay { .. } => true,
            Mode::Record { inner, .. } => inner.searches_the_web(),
        }
    }

    fn is_free(&self) -> bool {
        match &self.mode {
            Mode::Replay { .. } => true,
            Mode::Record { inner, .. } => inner.is_free(),
        }
    }

    fn body(&self, request: &LlmRequest) -> Result<Value, LlmError> {
        match &self.mode {
            Mode::Replay { .. } => request.to_json(),
            Mode::Record { inner, .. } => inner.body(request),
        }
    }

    fn parse(&self, raw: &str) -> Result<LlmResponse, LlmError> {
        match &self.mode {
            Mode::Replay { by_raw, source, .. } => by_raw.get(raw).cloned().ok_or_else(|| {
                let message = format!("{source} holds no such answer");
                LlmError::new(LlmErrorKind::NotRecorded, message)
            }),
            Mode::Record { inner, .. } => inner.parse(raw),
        }
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            match &self.mode {
                Mode::Replay {
                    source, answers, ..
                } => replayed(source, &mut lock(answers), request),
                Mode::Record { path, inner, tape } => {
                    let response = inner.send(request, body).await?;
                    keep(path, &mut lock(tape), request, &response)?;
                    Ok(response)
                }
            }
        })
    }

    fn stream<'a>(
        &'a self,
        request: &'a LlmRequest,
        body: &'a Value,
        give: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let Mode::Record { path, inner, tape } = &self.mode else {
                let response = self.send(request, body).await?;
                give(response.content.as_deref().unwrap_or_default());
                return Ok(response);
            };
            // The body asks for pieces: `send` would not understand the answer.
            let response = inner.stream(request, body, give).await?;
            keep(path, &mut lock(tape), request, &response)?;
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests;
