//! A prompt file, compiled into the program.

use std::sync::OnceLock;

use flow_engine_prompt::{Parameters, PromptFile, Template};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};
use crate::llm::Message;

/// The prompt of a model step. The macro has checked it; it is parsed at its first use.
#[derive(Debug)]
pub struct Prompt {
    name: &'static str,
    source: &'static str,
    id: &'static str,
    parsed: OnceLock<Result<Parsed, String>>,
}

#[derive(Debug)]
struct Parsed {
    parameters: Parameters,
    template: Template,
}

impl Prompt {
    #[doc(hidden)]
    pub const fn new(name: &'static str, source: &'static str, id: &'static str) -> Self {
        Self {
            name,
            source,
            id,
            parsed: OnceLock::new(),
        }
    }

    /// The file, from the workspace's root: `prompts/summarize.md`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The hash of the file, stored with every request.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// The front matter.
    pub(crate) fn parameters(&self) -> Result<&Parameters, Error> {
        Ok(&self.parsed()?.parameters)
    }

    /// The messages for these inputs.
    pub(crate) fn messages(&self, inputs: &Map<String, Value>) -> Result<Vec<Message>, Error> {
        let rendered = self
            .parsed()?
            .template
            .render(inputs)
            .map_err(|error| Error::new(ErrorKind::Prompt, error.to_string()))?;
        Ok(rendered
            .into_iter()
            .map(|message| Message {
                role: message.role,
                content: message.content,
            })
            .collect())
    }

    fn parsed(&self) -> Result<&Parsed, Error> {
        self.parsed
            .get_or_init(|| {
                let PromptFile {
                    parameters,
                    sections,
                    ..
                } = flow_engine_prompt::parse(self.name, self.source).map_err(|mistakes| {
                    mistakes.iter().map(ToString::to_string).collect::<String>()
                })?;
                let template = Template::new(self.name, self.source, &sections)
                    .map_err(|error| error.to_string())?;
                Ok(Parsed {
                    parameters,
                    template,
                })
            })
            .as_ref()
            .map_err(|message| Error::new(ErrorKind::Prompt, message.clone()))
    }
}
