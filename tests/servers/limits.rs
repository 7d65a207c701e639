//! The server asks to slow down.

use std::time::Duration;

use flow_engine::llm::LlmErrorKind;
use serde_json::json;

use crate::lab::{Lab, insist, question};
use crate::llmock::Llmock;

#[tokio::test]
async fn who_is_told_to_wait_waits_as_long_and_asks_again() {
    let server = Llmock::playing(json!([
        { "type": "fail", "status": 429, "retry_after": 1 },
        { "type": "reply", "text": "Now." },
    ]))
    .await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(insist("when?"))
        .await;
    assert_eq!(outcome.value(), "Now.");
    assert_eq!(
        outcome.rows(),
        ["failed rate_limited 429", "succeeded - 200"]
    );
    assert_eq!(outcome.unpriced, 1, "what is refused costs nothing");
    let requests = server.requests().await;
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| question(request) == "when?"));
    let pauses = server.pauses().await;
    assert!(pauses[0] >= 1.0, "{pauses:?}");
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn who_is_overloaded_may_ask_to_wait_too() {
    let server = Llmock::playing(json!([
        { "type": "fail", "status": 503, "retry_after": 1 },
        { "type": "reply", "text": "Now." },
    ]))
    .await;
    let lab = Lab::at(&server.base_url()).await;
    let outcome = lab.call(insist("when?")).await;
    assert_eq!(outcome.value(), "Now.");
    assert_eq!(outcome.rows(), ["failed transient 503", "succeeded - 200"]);
    assert_eq!(server.requests().await.len(), 2);
    let pauses = server.pauses().await;
    assert!(pauses[0] >= 1.0, "{pauses:?}");
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn a_limit_that_is_not_lifted_ends_the_step() {
    let server = Llmock::playing(json!([
        { "type": "fail", "status": 429, "retry_after": 1, "times": null },
    ]))
    .await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(insist("when?"))
        .await;
    let error = outcome.llm_error(LlmErrorKind::RateLimited);
    assert_eq!(error.http_status(), Some(429));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert!(outcome.rows().len() > 2, "each wait is a second");
    assert!(
        outcome
            .rows()
            .iter()
            .all(|row| row == "failed rate_limited 429")
    );
    assert_eq!(server.requests().await.len(), outcome.rows().len());
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn credit_that_is_used_up_is_not_asked_again() {
    let server = Llmock::playing(json!([
        { "type": "fail", "status": 429, "code": "insufficient_quota", "message": "no credit", "times": null },
    ]))
    .await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(insist("when?"))
        .await;
    let error = outcome.llm_error(LlmErrorKind::Authentication);
    assert!(
        error.to_string().ends_with("no credit; add credit"),
        "{error}"
    );
    assert_eq!(outcome.rows(), ["failed authentication 429"]);
    assert_eq!(server.requests().await.len(), 1);
}
