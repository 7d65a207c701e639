//! A prompt file, compiled into the program.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use flow_engine_prompt::{
    Parameters, PromptFile, Rendered, RenderedMessage, Template, WrongParameter,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::environment::variable;
use crate::error::{Error, ErrorKind};
use crate::llm::{Attached, Message};
use crate::shape::Kind;

/// With the value `live`, a debug build reads prompt files again whenever they are used.
const LIVE: &str = "FLOW_ENGINE_PROMPTS";

/// The prompt of a model step. The macro has checked it; it is parsed at its first use.
#[derive(Debug)]
pub struct Prompt {
    source: PromptSource,
    compiled: OnceLock<Result<Arc<ParsedPrompt>, String>>,
}

/// A prompt as the macro has found it.
#[doc(hidden)]
#[derive(Debug)]
pub struct PromptSource {
    /// The file as messages name it.
    pub name: &'static str,
    pub id: &'static str,
    pub text: &'static str,
    /// Who includes, by which name, which file, and its text.
    pub includes: &'static [(&'static str, &'static str, &'static str, &'static str)],
    /// The attribute's parameters, as a JSON object.
    pub parameters: &'static str,
    /// The names of the inputs, and what they are to the prompt.
    pub inputs: &'static [(&'static str, Kind)],
    /// The inputs that are sent as parameters.
    pub params: &'static [&'static str],
    /// The absolute path of the file; empty in a release build.
    pub path: &'static str,
}

/// A prompt as it is rendered.
#[derive(Debug)]
pub(crate) struct ParsedPrompt {
    pub(crate) id: String,
    /// Those of the attribute, else those of the front matter.
    parameters: Parameters,
    params: &'static [&'static str],
    attachments: Vec<&'static str>,
    template: Template,
}

impl Prompt {
    #[doc(hidden)]
    pub const fn new(source: PromptSource) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }

    /// The file, from the workspace's root: `prompts/summarize.md`; of an image without one, "the input `prompt`".
    pub fn name(&self) -> &'static str {
        self.source.name
    }

    /// The hash of the file, and of what it includes, as it was compiled in. Stored with every request, unless the file was
    /// read again: then its hash of then is.
    pub fn id(&self) -> &'static str {
        self.source.id
    }

    /// Whether it is an input, and no file.
    pub(crate) fn is_input(&self) -> bool {
        self.source.name == "the input `prompt`"
    }

    /// The inputs that are sent as parameters.
    pub(crate) fn params(&self) -> &'static [&'static str] {
        self.source.params
    }

    /// The prompt as it is now: as it was compiled in, or read again.
    pub(crate) fn current(&self) -> Result<Arc<ParsedPrompt>, Error> {
        let parsed = if self.is_live()? {
            self.read_again()
        } else {
            let compiled = self.compiled.get_or_init(|| self.compiled());
            compiled.clone()
        };
        parsed.map_err(wrong)
    }

    /// The compiled-in file.
    fn file(&self) -> Result<PromptFile, String> {
        let PromptSource {
            name,
            text,
            includes,
            ..
        } = self.source;
        let mut file = flow_engine_prompt::parse(name, text).map_err(|mistakes| all(&mistakes))?;
        file.include(|name, from| {
            includes
                .iter()
                .find(|include| (include.0, include.1) == (from, name))
                .map(|include| (include.2.to_owned(), include.3.to_owned()))
                .ok_or("it was not compiled in")
        });
        Ok(file)
    }

    /// The assistant's messages that are no templates, each with its place in the file.
    pub(crate) fn example_answers(&self) -> Result<Vec<(String, String)>, String> {
        let is_live = self.is_live().map_err(|error| error.to_string())?;
        let file = if is_live {
            self.file_of_now()?
        } else {
            self.file()?
        };
        Ok(file.example_answers())
    }

    fn compiled(&self) -> Result<Arc<ParsedPrompt>, String> {
        self.parsed(self.file()?, self.source.id.to_owned())
    }

    fn is_live(&self) -> Result<bool, Error> {
        Ok(!self.source.path.is_empty() && is_live(variable(LIVE)?.as_deref())?)
    }

    fn read_again(&self) -> Result<Arc<ParsedPrompt>, String> {
        let file = self.file_of_now()?;
        let id = file.id();
        self.parsed(file, id)
    }

    /// The file as it is on the disk, checked as the compiler would, as far as names go.
    fn file_of_now(&self) -> Result<PromptFile, String> {
        let path = Path::new(self.source.path);
        let folder = path.parent().unwrap_or(path);
        let name = self.source.name;
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{name} cannot be read again: {error} ({LIVE}=live)"))?;
        let mut file = flow_engine_prompt::parse(name, &text).map_err(|mistakes| all(&mistakes))?;
        let mut found = vec![(name.to_owned(), path.to_path_buf())];
        file.include(|name, from| {
            let from = found.iter().find(|(shown, _)| shown == from);
            let from = from.map(|(_, path)| path.as_path());
            let located = flow_engine_prompt::locate(name, from, folder)
                .map_err(|error| error.to_string())?;
            let text = located.read().map_err(|error| error.to_string())?;
            found.push((located.shown.clone(), located.path));
            Ok::<_, String>((located.shown, text))
        });
        let inputs: Vec<&str> = self.source.inputs.iter().map(|(name, _)| *name).collect();
        let mistakes = file.check(&inputs).diagnostics;
        if !mistakes.is_empty() {
            return Err(all(&mistakes));
        }
        Ok(file)
    }

    fn inputs_of(&self, kind: Kind) -> Vec<&'static str> {
        let inputs = self.source.inputs.iter();
        inputs
            .filter(|(_, other)| *other == kind)
            .map(|(name, _)| *name)
            .collect()
    }

    fn parsed(&self, mut file: PromptFile, id: String) -> Result<Arc<ParsedPrompt>, String> {
        file.place_histories(&self.inputs_of(Kind::History));
        let template = Template::new(&file).map_err(|error| error.to_string())?;
        let of_attribute: Parameters = serde_json::from_str(self.source.parameters)
            .map_err(|error| format!("the parameters of the attribute: {error}"))?;
        Ok(Arc::new(ParsedPrompt {
            id,
            parameters: of_attribute.or(file.parameters),
            params: self.source.params,
            attachments: self.inputs_of(Kind::Attachment),
            template,
        }))
    }
}

impl ParsedPrompt {
    /// The model parameters of a call.
    pub(crate) fn parameters(&self, inputs: &Map<String, Value>) -> Result<Parameters, Error> {
        let mut parameters = self.parameters.clone();
        for name in self.params {
            let is_nothing = |value: &Value| value.is_null() || *value == Value::Array(Vec::new());
            let value = inputs.get(*name).filter(|value| !is_nothing(value));
            let Some(value) = value else { continue };
            parameters.set(name, value).map_err(|wrong| {
                let wanted = match wrong {
                    WrongParameter::Value(wanted) => wanted,
                    WrongParameter::Name => "a parameter".to_owned(),
                };
                let message = format!("the input `{name}` must be {wanted}");
                Error::new(ErrorKind::InvalidInput, message)
            })?;
        }
        Ok(parameters)
    }

    /// The messages for these inputs.
    pub(crate) fn messages(&self, inputs: &Map<String, Value>) -> Result<Vec<Message>, Error> {
        let rendered = self
            .template
            .render(inputs, &self.attachments)
            .map_err(|error| wrong(error.to_string()))?;
        let mut messages = Vec::with_capacity(rendered.len());
        for part in rendered {
            match part {
                Rendered::Message(message) => messages.push(message_of(message)?),
                Rendered::History(name) => {
                    let history = inputs.get(&name).filter(|history| !history.is_null());
                    let history: Option<Vec<Message>> = history
                        .map(Deserialize::deserialize)
                        .transpose()
                        .map_err(|error| wrong(format!("the messages of `{name}`: {error}")))?;
                    messages.extend(history.unwrap_or_default());
                }
            }
        }
        if messages.is_empty() {
            return Err(wrong(format!(
                "{}: there is no message with these inputs",
                self.template.name()
            )));
        }
        Ok(messages)
    }
}

/// Whether files are read again, by the variable's value.
fn is_live(value: Option<&str>) -> Result<bool, Error> {
    match value {
        None => Ok(false),
        Some("live") => Ok(true),
        Some(other) => {
            let message = format!("{LIVE} is `{other}`: set it to `live`, or not at all");
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}

fn message_of(rendered: RenderedMessage) -> Result<Message, Error> {
    let attachments = rendered
        .attachments
        .into_iter()
        .map(|attached| {
            let attachment = serde_json::from_value(attached.content)
                .map_err(|error| wrong(format!("an attachment does not read: {error}")))?;
            Ok(Attached {
                at: attached.at,
                attachment,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Message {
        role: rendered.role,
        content: rendered.content,
        attachments,
    })
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Prompt, message)
}

fn all(mistakes: &[flow_engine_prompt::Diagnostic]) -> String {
    let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    mistakes.join("\n")
}

#[cfg(test)]
mod tests;
