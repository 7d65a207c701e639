//! A Rust type from a model, through a strict JSON schema.

mod repair;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::Value;

pub use self::repair::Repair;
use self::repair::{Unrepaired, repaired};
use super::{Answer, StepCall, StepKind};
use crate::definition::Definition;
use crate::error::{Error, ErrorKind};
use crate::llm::{LlmError, LlmErrorKind, LlmRequest, LlmResponse, OutputFormat};
use crate::output::Output;
use crate::schema;

/// How much of a reason stands in the message; the whole answer is kept beside.
const LONGEST_REASON: usize = 300;
/// How much of an answer is quoted, in characters: enough to see what the model thought it was asked for.
const LONGEST_QUOTE: usize = 60;

/// `kind = "structured"`: the answer is JSON of the output type.
#[derive(Debug, Clone, Copy)]
pub struct Structured;

impl StepKind for Structured {
    fn name(&self) -> &'static str {
        "structured"
    }

    fn check(&self, definition: &Definition) -> Result<(), String> {
        if definition.output.name().starts_with(crate::news::NAME) {
            return Err(
                "a `News` comes from a search: say `kind = \"news\"`, or the model would invent its sources"
                    .to_owned(),
            );
        }
        if definition.strict {
            schema::strict(&definition.output).map_err(|reason| {
                format!(
                    "{reason}; or say `strict = false`, and the model is not held to the schema"
                )
            })?;
        }
        check_examples(definition)
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        let Definition { strict, output, .. } = call.definition;
        let sent = if *strict {
            schema::strict(output).map_err(|reason| Error::new(ErrorKind::Configuration, reason))?
        } else {
            schema::plain(output)
        };
        call.request(OutputFormat::JsonSchema {
            name: sent.name,
            schema: sent.schema,
            strict: *strict,
        })
    }

    fn written_as(&self, output: &Output) -> Option<Value> {
        Some(output.schema())
    }

    fn read<'a>(
        &'a self,
        call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Answer, LlmError>> {
        ready(read(&call.definition.output, response)).boxed()
    }
}

/// Holds the answers that a prompt gives as examples to the output: what they show is what the model does.
fn check_examples(definition: &Definition) -> Result<(), String> {
    let output = &definition.output;
    each_example(definition, &output.name(), |text| {
        check_example(output, text)
    })
}

/// Holds them to a type of that name.
pub(super) fn each_example(
    definition: &Definition,
    name: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<(), String> {
    let Some(prompt) = definition.prompt() else {
        return Ok(());
    };
    let mut wrong = Vec::new();
    for (place, text) in prompt.example_answers()? {
        if let Err(reason) = check(&text) {
            wrong.push(format!(
                "the example answer at {place} does not fit `{name}`: {reason}"
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("; "))
}

fn check_example(output: &Output, text: &str) -> Result<(), String> {
    let answer: Value =
        serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    output.check(&schema::sent_as(&output.schema(), answer)?)
}

/// What is cut, filtered or refused is not read at all; what is JSON as it stands is taken so; only an answer that is known to
/// be whole is repaired.
fn read(output: &Output, response: &LlmResponse) -> Result<Answer, LlmError> {
    let (text, answer, repairs) = json(response)?;
    let schema = output.schema();
    let value = schema::unwrapped(&schema, answer);
    output.check(&value).map_err(|reason| {
        let reason = schema::in_answer(&schema, &value, reason);
        unfit(&output.name(), &reason, text)
    })?;
    Ok(Answer { value, repairs })
}

/// The JSON of an answer, its text before it.
pub(super) fn json(response: &LlmResponse) -> Result<(&str, Value, Vec<Repair>), LlmError> {
    let text = response.accepted_unless_cut()?;
    let (answer, repairs) = match serde_json::from_str(text) {
        // The end of a number is not in it: `12` may be half of `123`.
        Ok(Value::Number(_)) if response.finish_reason.is_none() => {
            return Err(response.broken_off());
        }
        Ok(answer) => (answer, Vec::new()),
        Err(error) if response.finish_reason.is_none() && error.is_eof() => {
            return Err(response.broken_off());
        }
        Err(error) if response.ended_normally() => {
            repaired(text).map_err(|unrepaired| no_json(text, &told(&error, unrepaired)))?
        }
        Err(error) => return Err(no_json(text, &error.to_string())),
    };
    Ok((text, answer, repairs))
}

/// Why an answer is not JSON: `strict` is what is wrong with it as it stands.
fn told(strict: &serde_json::Error, unrepaired: Unrepaired) -> String {
    match unrepaired {
        Unrepaired::Nothing | Unrepaired::Unclosed => strict.to_string(),
        Unrepaired::Ambiguous => {
            "it holds several JSON documents, and which one is meant is not said".to_owned()
        }
        Unrepaired::Invalid(error) => format!("in the document that it holds: {error}"),
    }
}

fn no_json(text: &str, reason: &str) -> LlmError {
    let begin: String = text.chars().take(LONGEST_QUOTE).collect();
    let message = format!("the answer is not JSON: {reason}; it begins {begin:?}");
    LlmError::new(LlmErrorKind::InvalidOutput, message).with_partial(text)
}

/// Whether what was read from a text fits the output: its type, and the constraints of that.
pub(super) fn fit(output: &Output, value: &Value, text: &str) -> Result<(), LlmError> {
    output
        .check(value)
        .map_err(|reason| unfit(&output.name(), &reason, text))
}

/// A text does not fit the type of that name.
pub(super) fn unfit(name: &str, reason: &str, text: &str) -> LlmError {
    // serde quotes what it did not expect, which may be the whole of a long text.
    let told: String = reason.chars().take(LONGEST_REASON).collect();
    let more = if told.len() < reason.len() { "…" } else { "" };
    let message = format!("the answer does not fit `{name}`: {told}{more}");
    LlmError::new(LlmErrorKind::InvalidOutput, message).with_partial(text)
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;
    use crate::output::{OutputType, output};

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Rating {
        stars: u8,
        reasons: Vec<Reason>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Reason {
        text: String,
        weight: Option<f64>,
    }

    fn read_as<T: OutputType>(answer: &str) -> Result<Value, LlmError> {
        let answer = read(&output::<T>().erased(), &LlmResponse::text(answer))?;
        assert_eq!(answer.repairs, []);
        Ok(answer.value)
    }

    /// The message about an answer that does not fit, which is kept whole.
    fn invalid<T: OutputType>(answer: &str) -> String {
        let error = read_as::<T>(answer).unwrap_err();
        assert_eq!(error.kind(), LlmErrorKind::InvalidOutput);
        assert_eq!(error.partial(), Some(answer));
        error.to_string()
    }

    #[test]
    fn an_answer_is_the_json_of_the_output() {
        let rating = json!({ "stars": 4, "reasons": [{ "text": "short", "weight": null }] });
        assert_eq!(
            read_as::<Rating>(&format!("\n {rating:#} \n")).unwrap(),
            rating
        );
        let left_out = json!({ "stars": 4, "reasons": [{ "text": "short" }], "more": 1 });
        assert_eq!(read_as::<Rating>(&left_out.to_string()).unwrap(), left_out);
    }

    #[test]
    fn an_output_that_is_no_object_is_taken_out_of_its_wrapper() {
        assert_eq!(
            read_as::<Vec<u8>>(r#"{"value": [1, 2]}"#).unwrap(),
            json!([1, 2])
        );
        assert_eq!(read_as::<String>(r#"{"value": "text"}"#).unwrap(), "text");
        assert_eq!(
            read_as::<Option<u8>>(r#"{"value": null}"#).unwrap(),
            Value::Null
        );
        assert_eq!(
            read_as::<Vec<u8>>("[1, 2]").unwrap(),
            json!([1, 2]),
            "a server left the wrapper out"
        );
        assert_eq!(
            invalid::<Vec<Reason>>(r#"{"value": [{"text": "a"}, {"text": true}]}"#),
            "the answer does not fit `Array_of_Reason`: at `value[1].text`: invalid type: boolean `true`, expected a string"
        );
        assert_eq!(
            invalid::<Vec<u8>>(r#"{"values": [1]}"#),
            "the answer does not fit `Array_of_uint8`: there is no field `value`, in which it is asked for"
        );
    }

    #[test]
    fn what_is_not_json_is_invalid_and_kept() {
        let cases = [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("Here it is.", "expected value at line 1 column 1"),
            (
                r#"{"stars": 4, "reasons": ["#,
                "EOF while parsing a list at line 1 column 25",
            ),
            (
                "```json\n{\"stars\": }\n```",
                "in the document that it holds: expected value at line 1 column 11",
            ),
            (
                "{} {}",
                "it holds several JSON documents, and which one is meant is not said",
            ),
        ];
        for (answer, reason) in cases {
            assert_eq!(
                invalid::<Rating>(answer),
                format!("the answer is not JSON: {reason}; it begins {answer:?}")
            );
        }
    }

    #[test]
    fn a_field_that_does_not_fit_is_named_by_its_path() {
        let cases = [
            (
                r#"{"stars": 4, "reasons": [{"text": "a"}, {"text": "b", "weight": "c"}]}"#,
                "at `reasons[1].weight`: invalid type: string \"c\", expected f64",
            ),
            (
                r#"{"stars": "4", "reasons": []}"#,
                "at `stars`: invalid type: string \"4\", expected u8",
            ),
            (r#"{"stars": 4}"#, "missing field `reasons`"),
            (
                r#"{"stars": 4, "reasons": [{}]}"#,
                "at `reasons[0]`: missing field `text`",
            ),
            (
                "true",
                "invalid type: boolean `true`, expected struct Rating",
            ),
        ];
        for (answer, reason) in cases {
            assert_eq!(
                invalid::<Rating>(answer),
                format!("the answer does not fit `Rating`: {reason}")
            );
        }
    }

    #[test]
    fn a_number_out_of_range_is_invalid() {
        // serde_json words it differently under `arbitrary_precision`.
        let message = invalid::<Rating>(r#"{"stars": 256, "reasons": []}"#);
        assert!(message.contains("at `stars`: invalid "), "{message}");
    }

    #[test]
    fn a_long_text_in_the_wrong_place_makes_no_long_message() {
        let message = invalid::<Rating>(&json!("é\n".repeat(5000)).to_string());
        assert!(
            message.starts_with("the answer does not fit `Rating`: invalid type: string \"é\\n"),
            "{message}"
        );
        assert!(
            message.ends_with('…') && message.chars().count() < 400,
            "{message}"
        );
    }

    #[test]
    fn a_cut_answer_is_not_read_even_if_it_is_json() {
        let cut = LlmResponse {
            finish_reason: Some("length".into()),
            ..LlmResponse::text(r#"{"stars": 4, "reasons": []}"#)
        };
        let error = read(&output::<Rating>().erased(), &cut).unwrap_err();
        assert_eq!(error.kind(), LlmErrorKind::Truncated);
    }

    /// What an answer is read to that ended for this reason.
    fn ended<T: OutputType>(reason: Option<&str>, text: &str) -> Result<Answer, LlmErrorKind> {
        let response = LlmResponse {
            finish_reason: reason.map(Into::into),
            ..LlmResponse::text(text)
        };
        read(&output::<T>().erased(), &response).map_err(|error| error.kind())
    }

    #[test]
    fn only_an_answer_that_is_known_to_be_whole_is_repaired() {
        let fenced = "```json\n{\"stars\": 4, \"reasons\": []}\n```";
        let invalid = Err(LlmErrorKind::InvalidOutput);
        for reason in ["stop", "end_turn", "STOP"] {
            let answer = ended::<Rating>(Some(reason), fenced).unwrap();
            assert_eq!(answer.value, json!({ "stars": 4, "reasons": [] }));
            assert_eq!(answer.repairs, [Repair::CodeFence]);
        }
        assert_eq!(ended::<Rating>(Some("tool_calls"), fenced), invalid);
        assert_eq!(ended::<Rating>(None, fenced), invalid);
        assert_eq!(
            ended::<Rating>(Some("length"), fenced),
            Err(LlmErrorKind::Truncated)
        );
    }

    #[test]
    fn an_answer_whose_end_was_not_given_is_read_if_it_is_whole_by_itself() {
        let whole = r#"{"stars": 4, "reasons": []}"#;
        assert_eq!(ended::<Rating>(None, whole).unwrap().repairs, []);
        assert_eq!(ended::<Vec<u8>>(None, "[12]").unwrap().value, json!([12]));
        let broken_off = Err(LlmErrorKind::Transient);
        assert_eq!(ended::<Rating>(None, &whole[..26]), broken_off);
        assert_eq!(ended::<Rating>(None, ""), broken_off);
        assert_eq!(ended::<u8>(None, "12"), broken_off, "may be half of 123");
        assert_eq!(ended::<u8>(Some("stop"), "12").unwrap().value, 12);
    }
}
