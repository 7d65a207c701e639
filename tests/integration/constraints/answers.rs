//! Constraints of answers: what does not hold does not fit.

use std::sync::atomic::{AtomicBool, Ordering};

use flow_engine::llm::{
    LlmError, LlmErrorKind, LlmRequest, LlmResponse, MockBackend, OutputFormat,
};
use flow_engine::prelude::*;
use flow_engine::step::{Answer, StepCall, StepKind};
use flow_engine::{BoxFuture, Error, StepStatus};
use serde_json::{Value, json};

use crate::support::{engine, engine_with};

/// A judgement.
#[data]
#[derive(PartialEq)]
pub(crate) struct Judgement {
    /// One to five
    #[check(range(min = 1, max = 5))]
    stars: u8,
    #[check(length(max = 3))]
    reasons: Vec<Reason>,
}

#[data]
#[derive(PartialEq)]
struct Reason {
    #[check(length(min = 1))]
    text: String,
}

#[step(prompt = "../prompts/rate.md")]
pub(crate) async fn judge(#[input(length(min = 1, max = 8))] text: String) -> Judgement;

/// What is said of an answer that does not fit.
async fn answered(answer: Value) -> String {
    let mock = MockBackend::new().answer("judge", answer);
    let engine = engine_with(mock).await;
    let error = engine.execute(judge("a text")).await.unwrap_err();
    let llm = error.llm().expect("the model was asked");
    assert_eq!(llm.kind(), LlmErrorKind::InvalidOutput);
    let id = error.run_id().unwrap();
    assert_eq!(engine.steps(id).await[0].status, StepStatus::Failed);
    let request = engine.requests_of(id).await.unwrap().remove(0);
    assert!(request.response.is_some(), "it was paid for, and is kept");
    llm.to_string()
}

#[tokio::test]
async fn an_answer_that_does_not_hold_is_refused_and_kept() {
    assert_eq!(
        answered(json!({ "stars": 6, "reasons": [{ "text": "a" }, { "text": "" }] })).await,
        "the answer does not fit `Judgement`: at `stars`: greater than 5; at `reasons[1].text`: length is lower than 1"
    );
    let four = vec![json!({ "text": "a" }); 4];
    assert_eq!(
        answered(json!({ "stars": 5, "reasons": four })).await,
        "the answer does not fit `Judgement`: at `reasons`: length is greater than 3"
    );
}

/// A text that is not empty: no engine would start if that were asked of the empty text.
#[data]
struct Name(#[check(length(min = 1, max = 3))] String);

#[step(kind = flow_engine::step::Unstructured, prompt = "../prompts/rate.md")]
async fn give_a_name(text: String) -> Name;

#[tokio::test]
async fn a_text_is_held_to_the_constraints_of_its_type() {
    for (answer, fits) in [
        ("Ida", true),
        (" Ida ", true),
        ("Agathe", false),
        (" ", false),
    ] {
        let mock = MockBackend::new().answer("give_a_name", answer);
        let done = engine_with(mock).await.execute(give_a_name("x")).await;
        match done {
            Ok(done) => assert!(fits && done.output_content.0 == "Ida"),
            Err(error) => {
                let said = error.llm().unwrap().to_string();
                assert!(!fits, "{said}");
                assert!(
                    said.starts_with("the answer does not fit `Name`: length is "),
                    "{said}"
                );
            }
        }
    }
}

/// What a task gives is its own affair.
#[tokio::test]
async fn the_output_of_a_task_is_not_held_to_constraints() {
    #[step]
    async fn judge_by_code() -> Judgement {
        Judgement {
            stars: 9,
            reasons: vec![],
        }
    }
    let done = engine().await.execute(judge_by_code()).await.unwrap();
    assert_eq!(done.output_content.stars, 9);
}

static IS_STRICT: AtomicBool = AtomicBool::new(false);

fn strictly_short(text: &str) -> Result<(), String> {
    if IS_STRICT.load(Ordering::Relaxed) && text.len() > 3 {
        return Err("too long".to_owned());
    }
    Ok(())
}

#[data]
struct Word {
    #[check(custom = strictly_short)]
    text: String,
}

/// A kind of the user's that holds its answers to the output's type.
struct Spoken;

impl StepKind for Spoken {
    fn name(&self) -> &'static str {
        if IS_STRICT.load(Ordering::Relaxed) {
            "strictly spoken"
        } else {
            "spoken"
        }
    }

    fn request(&self, call: &StepCall<'_>) -> Result<LlmRequest, Error> {
        call.request(OutputFormat::Text)
    }

    fn read<'a>(
        &'a self,
        call: &'a StepCall<'_>,
        response: &'a LlmResponse,
    ) -> BoxFuture<'a, Result<Answer, LlmError>> {
        Box::pin(async move {
            let word = json!({ "text": response.accepted()? });
            let output = call.definition().output();
            output
                .check(&word)
                .map_err(|reason| LlmError::new(LlmErrorKind::InvalidOutput, reason))?;
            Ok(word.into())
        })
    }
}

#[step(kind = Spoken, prompt = "../prompts/rate.md")]
async fn say(text: String) -> Word;

#[step]
async fn agree() -> Result<()> {
    if IS_STRICT.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err("that is too lax".into())
}

#[flow]
async fn speak() -> Result<String> {
    let word = say("x").await?;
    agree().await?;
    Ok(word.text)
}

#[tokio::test]
async fn an_answer_that_is_read_again_is_held_to_the_constraints_of_then() {
    let mock = MockBackend::new().on("say", |_| {
        let text = if IS_STRICT.load(Ordering::Relaxed) {
            "hi"
        } else {
            "hello"
        };
        Ok(LlmResponse::text(text))
    });
    let engine = engine_with(mock.clone()).await;
    let error = engine.execute(speak()).await.unwrap_err();
    assert_eq!(error.step(), Some("agree"));
    IS_STRICT.store(true, Ordering::Relaxed);
    let done = engine.resume(error.run_id().unwrap()).await.unwrap();
    assert_eq!(done.output_content, "hi");
    assert_eq!(mock.requests().len(), 2, "what is recorded is too long now");
    let too_long = MockBackend::new().answer("say", "hello");
    let error = engine_with(too_long)
        .await
        .execute(say("x"))
        .await
        .unwrap_err();
    assert_eq!(error.llm().unwrap().to_string(), "at `text`: too long");
}

#[tokio::test]
async fn a_model_is_told_what_its_answer_is_held_to() {
    let mock = MockBackend::new().answer("judge", json!({ "stars": 5, "reasons": [] }));
    let engine = engine_with(mock.clone()).await;
    engine.execute(judge("a text")).await.unwrap();
    let OutputFormat::JsonSchema { schema, .. } = &mock.requests()[0].format else {
        panic!("a schema is sent");
    };
    assert_eq!(schema["properties"]["stars"]["maximum"], 5);
    assert_eq!(schema["properties"]["reasons"]["maxItems"], 3);
    assert_eq!(
        schema["$defs"]["Reason"]["properties"]["text"],
        json!({ "type": "string", "description": "(minLength: 1)" })
    );
}

#[test]
fn the_schema_of_an_output_shows_the_constraints() {
    let schema = Judge::output_schema();
    let fields = &schema["properties"];
    assert_eq!(
        fields["stars"],
        json!({ "description": "One to five", "type": "integer", "format": "uint8", "minimum": 1, "maximum": 5 })
    );
    assert_eq!(fields["reasons"]["maxItems"], 3);
}
