//! Text from a model.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::Value;

use super::structured::fit;
use super::{Answer, StepCall, StepKind};
use crate::definition::Definition;
use crate::error::Error;
use crate::llm::{LlmError, LlmRequest, LlmResponse, OutputFormat};
use crate::output::Output;

/// `kind = "unstructured"`: the answer is the output, as a `String`.
#[derive(Debug, Clone, Copy)]
pub struct Unstructured;

impl StepKind for Unstructured {
    fn name(&self) -> &'static str {
        "unstructured"
    }

    fn check(&self, definition: &Definition) -> Result<(), String> {
        if definition.output.reads(&Value::from("")) {
            return Ok(());
        }
        Err(format!(
            "an unstructured step gives a `String`, not a `{}`",
            definition.output.name()
        ))
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        call.request(OutputFormat::Text)
    }

    fn read<'a>(
        &'a self,
        call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Answer, LlmError>> {
        ready(held(&call.definition.output, response)).boxed()
    }
}

/// The text, held to the constraints of its type: a newtype may have some.
fn held(output: &Output, response: &LlmResponse) -> Result<Answer, LlmError> {
    let value = read(response)?;
    fit(output, &value, response.accepted()?)?;
    Ok(value.into())
}

fn read(response: &LlmResponse) -> Result<Value, LlmError> {
    response.accepted().map(|text| Value::from(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::LlmErrorKind;

    #[test]
    fn an_answer_is_its_text_without_white_space_around_it() {
        let read = |answer: &str| read(&LlmResponse::text(answer)).unwrap();
        assert_eq!(read("\n one\n two \n"), "one\n two");
        assert_eq!(read("{\"json\": 1}"), "{\"json\": 1}");
        assert_eq!(read(""), "");
    }

    #[test]
    fn a_cut_answer_is_not_taken_for_a_whole_one() {
        let cut = LlmResponse {
            finish_reason: Some("length".into()),
            ..LlmResponse::text(" half of ")
        };
        let error = read(&cut).unwrap_err();
        assert_eq!(
            (error.kind(), error.partial()),
            (LlmErrorKind::Truncated, Some(" half of "))
        );
    }

    #[test]
    fn a_text_whose_end_was_not_given_may_have_been_cut() {
        let response = LlmResponse {
            finish_reason: None,
            ..LlmResponse::text(" half of ")
        };
        let error = read(&response).unwrap_err();
        assert_eq!(
            (error.kind(), error.partial()),
            (LlmErrorKind::Transient, Some(" half of "))
        );
    }

    #[test]
    fn an_answer_without_text_is_invalid() {
        let empty = LlmResponse {
            content: None,
            ..LlmResponse::text("")
        };
        let error = read(&empty).unwrap_err();
        assert_eq!(error.kind(), LlmErrorKind::InvalidOutput);
    }
}
