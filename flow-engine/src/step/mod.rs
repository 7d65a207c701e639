//! What a step does: a model step is of a [`StepKind`], one file each; a task is the user's code.

mod answer;
mod image;
mod news;
mod structured;
pub(crate) mod task;
mod unstructured;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

pub use answer::Answer;
pub use image::ImageKind;
pub use news::{NEWS, WebNews};
pub use structured::{Repair, Structured};
pub use unstructured::Unstructured;

use crate::definition::Definition;
use crate::error::Error;
use crate::llm::{LlmError, LlmRequest, LlmResponse, Message, OutputFormat, Parameters};
use crate::output::Output;
use crate::prompt::ParsedPrompt;

/// A kind of model step: how its call becomes a request, and how the answer becomes its output.
///
/// The engine does what lies between: it sends the request and records it.
/// `#[step(kind = "structured")]` is short for the path of a kind; a kind of your own is given by its path:
/// `#[step(kind = my_crate::Shout)]`.
///
/// ```
/// use flow_engine::llm::{LlmError, LlmRequest, LlmResponse, OutputFormat};
/// use flow_engine::step::{Answer, StepCall, StepKind};
/// use flow_engine::{BoxFuture, Error};
///
/// /// Text in capitals.
/// struct Shout;
///
/// impl StepKind for Shout {
///     fn name(&self) -> &'static str {
///         "shout"
///     }
///
///     fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
///         call.request(OutputFormat::Text)
///     }
///
///     fn read<'a>(
///         &'a self,
///         _call: &'a StepCall<'_>,
///         response: &'a LlmResponse,
///     ) -> BoxFuture<'a, Result<Answer, LlmError>> {
///         Box::pin(async move { Ok(response.accepted()?.to_uppercase().into()) })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a kind of step",
    label = "this is no kind",
    note = "implement `flow_engine::step::StepKind` for `{Self}`; the kinds of flow-engine are given by name: `kind = \"structured\"`"
)]
pub trait StepKind: Send + Sync + 'static {
    /// The name in the column `flow_step_runs.kind`.
    fn name(&self) -> &'static str;

    /// Whether a step can be of this kind: asked once for each, when the engine starts.
    ///
    /// # Errors
    /// What is wrong with the step's types.
    fn check(&self, _definition: &Definition) -> Result<(), String> {
        Ok(())
    }

    /// The request that a call sends.
    ///
    /// # Errors
    /// When the prompt cannot be rendered from the inputs.
    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error>;

    /// The JSON schema of what the model writes for an output of this type; `None` for a text, of which a stream gives no
    /// [snapshot](crate::StepStream::snapshot).
    fn written_as(&self, _output: &Output) -> Option<Value> {
        None
    }

    /// What the model has written of a recorded output: the rest was added to it.
    fn written(&self, output: Value) -> Value {
        output
    }

    /// The output, as JSON of the step's output type: `Ok(value.into())` for what converts into a `serde_json::Value`.
    ///
    /// An answer that was recorded may be read again, so the same answer always gives the same.
    ///
    /// # Errors
    /// When the answer was cut or refused, or does not fit.
    fn read<'a>(
        &'a self,
        call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Answer, LlmError>>;
}

/// A call of a model step, with everything a kind may want to know.
#[derive(Debug)]
pub struct StepCall<'a> {
    pub(crate) definition: &'static Definition,
    pub(crate) prompt: Arc<ParsedPrompt>,
    /// With the model that is asked.
    pub(crate) parameters: Parameters,
    pub(crate) inputs: &'a Map<String, Value>,
    pub(crate) model: String,
}

impl StepCall<'_> {
    /// The step.
    pub fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// The inputs, as JSON.
    pub fn inputs(&self) -> &Map<String, Value> {
        self.inputs
    }

    /// The model to ask.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The prompt's messages, rendered from the inputs.
    ///
    /// # Errors
    /// When a value is missing where the prompt needs it.
    pub fn messages(&self) -> Result<Vec<Message>, Error> {
        self.prompt.messages(self.inputs)
    }

    /// The model parameters: of the inputs that are marked `param`, else of the attribute, else of the prompt's front matter.
    /// The model is apart: [`model`](Self::model).
    pub fn parameters(&self) -> Parameters {
        Parameters {
            model: None,
            ..self.parameters.clone()
        }
    }

    /// The request of these messages, parameters and model.
    ///
    /// # Errors
    /// When the prompt cannot be rendered from the inputs.
    pub fn request(&self, format: OutputFormat) -> Result<LlmRequest, Error> {
        Ok(LlmRequest {
            step: self.definition.name().to_owned(),
            model: self.model.clone(),
            messages: self.messages()?,
            parameters: self.parameters(),
            format,
            streams: false,
            web_search: None,
            secrets: Arc::default(),
        })
    }
}
