//! The server takes too long.

use std::time::Duration;

use flow_engine::ErrorKind;
use flow_engine::llm::LlmErrorKind;
use serde_json::json;

use crate::lab::{Lab, hurry, insist};
use crate::llmock::Llmock;
use crate::wire::{Play, Wire};

/// Long enough for a good answer on a busy machine, and half of what the server holds one back.
const PATIENCE: Duration = Duration::from_secs(2);

async fn hanging(times: Option<u32>) -> Llmock {
    Llmock::playing(json!([
        { "type": "delay", "seconds": 4, "times": times },
        { "type": "reply", "text": "At last.", "times": null },
    ]))
    .await
}

#[tokio::test]
async fn a_request_that_hangs_is_given_up_and_sent_again() {
    let server = hanging(Some(1)).await;
    let lab = Lab::hasty(&server.base_url(), PATIENCE).await;
    let outcome = lab.call(insist("well?")).await;
    assert_eq!(outcome.value(), "At last.");
    assert_eq!(outcome.rows(), ["failed timeout -", "succeeded - 200"]);
    assert_eq!(server.requests().await.len(), 2);
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn requests_that_all_hang_end_in_a_timeout() {
    let server = hanging(None).await;
    let lab = Lab::hasty(&server.base_url(), PATIENCE).await;
    let outcome = lab.call(insist("well?")).await;
    let error = outcome.llm_error(LlmErrorKind::Timeout).to_string();
    assert!(error.contains("within 2s"), "{error}");
    assert_eq!(outcome.rows(), ["failed timeout -"; 3]);
    assert_eq!(outcome.unpriced, 3, "it may be answered to nobody");
    assert_eq!(server.requests().await.len(), 3);
}

#[tokio::test]
async fn a_step_that_is_out_of_time_leaves_its_request_cancelled() {
    let server = hanging(None).await;
    let outcome = Lab::at(&server.base_url()).await.call(hurry("well?")).await;
    let error = outcome.result.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:#}");
    assert!(error.llm().is_none());
    assert_eq!(outcome.rows(), ["cancelled - -"]);
    assert_eq!(outcome.unpriced, 1);
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn an_answer_that_trickles_is_as_late_as_one_that_does_not_come() {
    let server = Wire::playing(&[Play::Slow, Play::text("At last.")]).await;
    let lab = Lab::hasty(&server.base_url(), PATIENCE).await;
    let outcome = lab.call(insist("well?")).await;
    assert_eq!(outcome.value(), "At last.");
    assert_eq!(outcome.rows(), ["failed timeout -", "succeeded - 200"]);
    assert_eq!(server.seen(), 2);
}
