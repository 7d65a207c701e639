//! Answers in pieces that break off.

use flow_engine::Delta;
use flow_engine::llm::LlmErrorKind;
use flow_engine::prelude::*;
use serde_json::{Value, json};

use crate::lab::{Lab, recite};
use crate::llmock::Llmock;

#[step(prompt = "./prompts/text.md", attempt_timeout = "2s")]
async fn recite_in_time(text: String) -> String;

const STORY: &str = "It rained for a day and a night, and then it rained no more.";

async fn telling(faults: &[Value]) -> Llmock {
    let reply = json!({ "type": "reply", "text": STORY, "times": null });
    let behaviors: Vec<_> = faults.iter().chain([&reply]).collect();
    Llmock::playing(json!(behaviors)).await
}

fn fault(kind: &str, after_chunks: u32) -> Value {
    json!({ "type": "stream_fault", "kind": kind, "after_chunks": after_chunks })
}

fn joined(deltas: &[Delta]) -> String {
    let text = |delta: &Delta| match delta {
        Delta::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    deltas.iter().map(text).collect()
}

#[tokio::test]
async fn a_story_comes_in_pieces() {
    let server = telling(&[]).await;
    let lab = Lab::at(&server.base_url()).await;
    let (deltas, outcome) = lab.stream(recite("rain")).await;
    assert!(deltas.len() > 2, "{deltas:?}");
    assert_eq!(joined(&deltas), STORY);
    assert_eq!(outcome.value(), STORY);
    assert_eq!(outcome.rows(), ["succeeded - 200"]);
    assert!(
        outcome.requests[0].output_tokens.is_some(),
        "it counts what it sends"
    );
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn what_breaks_off_before_its_first_piece_is_begun_again() {
    for kind in ["disconnect", "truncate", "malformed"] {
        let server = telling(&[fault(kind, 0)]).await;
        let lab = Lab::at(&server.base_url()).await;
        let (deltas, outcome) = lab.stream(recite("rain")).await;
        assert_eq!(joined(&deltas), STORY, "{kind}");
        assert_eq!(outcome.value(), STORY);
        assert_eq!(outcome.rows().len(), 2, "{kind}");
        assert_eq!(server.requests().await.len(), 2);
        assert_eq!(server.findings().await, [""; 0], "{kind}");
    }
}

#[tokio::test]
async fn what_breaks_off_after_a_piece_is_an_error_that_keeps_it() {
    for kind in ["disconnect", "malformed"] {
        let server = telling(&[fault(kind, 3)]).await;
        let lab = Lab::at(&server.base_url()).await;
        let (deltas, outcome) = lab.stream(recite("rain")).await;
        let came = joined(&deltas);
        assert!(
            !came.is_empty() && STORY.starts_with(&came),
            "{kind}: {came}"
        );
        let error = outcome.llm_error(LlmErrorKind::Transient);
        assert_eq!(error.partial(), Some(&*came), "{kind}");
        assert_eq!(outcome.rows().len(), 1, "{kind}");
        assert_eq!(server.requests().await.len(), 1);
    }
}

#[tokio::test]
async fn what_stalls_after_a_piece_is_an_error_that_keeps_it() {
    let server = telling(&[
        json!({ "type": "stream_fault", "kind": "stall", "after_chunks": 3, "stall_seconds": 30 }),
    ])
    .await;
    let lab = Lab::at(&server.base_url()).await;
    let (deltas, outcome) = lab.stream(recite_in_time("rain")).await;
    let came = joined(&deltas);
    assert!(!came.is_empty() && STORY.starts_with(&came), "{came}");
    let error = outcome.llm_error(LlmErrorKind::Timeout);
    assert_eq!(error.partial(), Some(&*came));
    assert_eq!(outcome.rows(), ["failed timeout -"]);
    assert_eq!(outcome.unpriced, 1);
}

#[tokio::test]
async fn a_stream_that_does_not_say_its_end_is_no_answer() {
    let server = telling(&[fault("truncate", 3)]).await;
    let lab = Lab::at(&server.base_url()).await;
    let (deltas, outcome) = lab.stream(recite("rain")).await;
    let error = outcome.llm_error(LlmErrorKind::Transient);
    assert_eq!(error.partial(), Some(&*joined(&deltas)));
    assert_eq!(outcome.unpriced, 1, "it was paid for");
}

#[tokio::test]
async fn who_drops_a_stream_cancels_it() {
    let server = telling(&[
        json!({ "type": "stream_fault", "kind": "stall", "after_chunks": 2, "stall_seconds": 3 }),
    ])
    .await;
    let lab = Lab::at(&server.base_url()).await;
    assert_eq!(
        lab.cancelled_after(recite("rain"), 1).await,
        ["cancelled - -"]
    );
}
