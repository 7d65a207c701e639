//! Answers of Anthropic and Google in pieces.

use flow_engine::Delta;
use flow_engine::llm::{GenAiBackend, LlmErrorKind};
use serde_json::{Value, json};

use crate::aimock::Aimock;
use crate::lab::{KEY, Lab, recite, say};
use crate::native::{CLAUDE, GEMINI, anthropic, gemini};

const STORY: &str = "It rained for a day and a night, and then it rained no more.";
type Native = fn(&Aimock, &str) -> GenAiBackend;

const BOTH: [(Native, &str); 2] = [(anthropic, CLAUDE), (gemini, GEMINI)];

/// The story in pieces of ten letters.
fn story(spoilt: &Value) -> Value {
    let usage = json!({ "input_tokens": 1000, "output_tokens": 100, "promptTokenCount": 1000, "candidatesTokenCount": 100 });
    let mut answer = json!({ "response": { "content": STORY, "usage": usage }, "chunkSize": 10 });
    let fields = answer.as_object_mut().unwrap();
    fields.extend(spoilt.as_object().cloned().unwrap_or_default());
    answer
}

fn joined(deltas: &[Delta]) -> String {
    let text = |delta: &Delta| match delta {
        Delta::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    deltas.iter().map(text).collect()
}

#[tokio::test]
async fn a_story_comes_in_pieces_from_anthropic_and_google() {
    let ends = [("end_turn", 4_500_000), ("STOP", 550_000)];
    for ((native, model), (reason, cost)) in BOTH.into_iter().zip(ends) {
        let server = Aimock::locked(&[story(&json!({}))], KEY).await;
        let backend = native(&server, KEY);
        let lab = Lab::asking(model, native(&server, KEY)).await;
        let (deltas, outcome) = lab.stream(say("rain")).await;
        assert!(deltas.len() > 3, "{deltas:?}");
        assert_eq!(joined(&deltas), STORY);
        assert_eq!(outcome.value(), STORY);
        let row = &outcome.requests[0];
        assert_eq!(row.finish_reason.as_deref(), Some(reason));
        assert_eq!(
            (row.input_tokens, row.output_tokens),
            (Some(1000), Some(100))
        );
        assert_eq!(row.cost_nano_usd, Some(cost));
        assert_eq!(row.model_served.as_deref(), Some(model));
        assert_eq!(row.provider_request_id.is_some(), model == CLAUDE);
        // What is recorded reads as an answer in one piece does.
        let raw = row.response.as_deref().unwrap();
        let again = flow_engine::llm::LlmBackend::parse(&backend, raw).unwrap();
        assert_eq!(again.content.as_deref(), Some(STORY));
        assert_eq!(again.finish_reason.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn a_story_of_anthropic_or_google_that_breaks_off_is_no_answer() {
    for (native, model) in BOTH {
        let cut = story(&json!({ "truncateAfterChunks": 5, "latency": 20 }));
        let server = Aimock::locked(&[cut], KEY).await;
        let lab = Lab::asking(model, native(&server, KEY)).await;
        let (deltas, outcome) = lab.stream(recite("rain")).await;
        let came = joined(&deltas);
        assert!(!came.is_empty() && STORY.starts_with(&came), "{came}");
        let error = outcome.llm_error(LlmErrorKind::Transient);
        assert_eq!(error.partial(), Some(&*came), "{model}");
        assert_eq!(outcome.rows().len(), 1, "{model}");
        assert_eq!(outcome.unpriced, 1, "it was paid for");
    }
}

#[tokio::test]
async fn what_anthropic_or_google_refuses_is_told_apart_in_a_stream_too() {
    let limited = json!({ "response": { "error": { "message": "slow down" }, "status": 429, "retryAfter": 1 } });
    let unknown = json!({ "response": { "error": { "message": "no such model" }, "status": 404 } });
    let gone = json!({ "response": { "content": "x" }, "chaos": { "disconnectRate": 1 } });
    for (native, model) in BOTH {
        let server = Aimock::locked(&[limited.clone(), story(&json!({}))], KEY).await;
        let lab = Lab::asking(model, native(&server, KEY)).await;
        let (deltas, outcome) = lab.stream(say("rain")).await;
        assert_eq!(joined(&deltas), STORY);
        assert_eq!(outcome.rows(), ["failed rate_limited 429", "succeeded - -"]);

        let server = Aimock::locked(std::slice::from_ref(&unknown), KEY).await;
        let lab = Lab::asking(model, native(&server, KEY)).await;
        let (deltas, outcome) = lab.stream(recite("rain")).await;
        assert_eq!(deltas, []);
        outcome.llm_error(LlmErrorKind::InvalidRequest);
        assert_eq!(outcome.rows(), ["failed invalid_request 404"]);

        let server = Aimock::locked(&[gone.clone(), story(&json!({}))], KEY).await;
        let lab = Lab::asking(model, native(&server, KEY)).await;
        let (deltas, outcome) = lab.stream(recite("rain")).await;
        assert_eq!(joined(&deltas), STORY, "begun again");
        assert_eq!(outcome.rows(), ["failed transient -", "succeeded - -"]);
    }
}
