//! Text from a model.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::Value;

use super::{StepCall, StepKind};
use crate::definition::Definition;
use crate::error::Error;
use crate::llm::{LlmError, LlmRequest, LlmResponse, OutputFormat};

/// `kind = "unstructured"`: the answer is the output, as a `String`.
#[derive(Debug, Clone, Copy)]
pub struct Unstructured;

impl StepKind for Unstructured {
    fn name(&self) -> &'static str {
        "unstructured"
    }

    fn check(&self, definition: &Definition) -> Result<(), String> {
        definition.output.check(&Value::from("")).map_err(|_| {
            format!("an unstructured step gives a `String`, not a `{}`", definition.output.name())
        })
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        call.request(OutputFormat::Text)
    }

    fn read<'a>(
        &'a self,
        _call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Value, LlmError>> {
        ready(response.accepted().map(|text| Value::from(text.trim()))).boxed()
    }
}
