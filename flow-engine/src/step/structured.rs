//! A Rust type from a model, through a strict JSON schema.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::Value;

use super::{StepCall, StepKind};
use crate::definition::Definition;
use crate::error::{Error, ErrorKind};
use crate::llm::{LlmError, LlmErrorKind, LlmRequest, LlmResponse, OutputFormat};
use crate::schema;

/// `kind = "structured"`: the answer is JSON of the output type.
#[derive(Debug, Clone, Copy)]
pub struct Structured;

impl StepKind for Structured {
    fn name(&self) -> &'static str {
        "structured"
    }

    fn check(&self, definition: &Definition) -> Result<(), String> {
        schema::strict(&definition.output).map(drop)
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        let strict = schema::strict(&call.definition.output)
            .map_err(|reason| Error::new(ErrorKind::Configuration, reason))?;
        call.request(OutputFormat::JsonSchema { name: strict.name, schema: strict.schema })
    }

    fn read<'a>(
        &'a self,
        call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Value, LlmError>> {
        ready(read(call.definition, response)).boxed()
    }
}

fn read(definition: &Definition, response: &LlmResponse) -> Result<Value, LlmError> {
    let text = response.accepted()?;
    let invalid = |reason: String| {
        LlmError::new(LlmErrorKind::InvalidOutput, reason).with_partial(text)
    };
    let answer: Value = serde_json::from_str(text)
        .map_err(|error| invalid(format!("the answer is not JSON: {error}")))?;
    let output = schema::unwrapped(&definition.output, answer);
    definition.output.check(&output).map_err(|reason| {
        invalid(format!("the answer does not fit `{}`: {reason}", definition.output.name()))
    })?;
    Ok(output)
}
