//! The server fails, or its connection does.

use flow_engine::llm::LlmErrorKind;
use serde_json::json;
use tokio::net::TcpSocket;

use crate::aimock::Aimock;
use crate::lab::{Lab, insist, persist, say};
use crate::llmock::Llmock;
use crate::wire::{Play, Wire};

/// A server that fails so often, and then answers.
async fn failing(times: Option<u32>) -> Llmock {
    let fails = json!({ "type": "fail", "status": 500, "times": times });
    Llmock::playing(json!([fails, { "type": "reply", "text": "Here." }])).await
}

#[tokio::test]
async fn a_server_that_fails_twice_is_asked_a_third_time() {
    let server = failing(Some(2)).await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(insist("there?"))
        .await;
    assert_eq!(outcome.value(), "Here.");
    let expected = [
        "failed transient 500",
        "failed transient 500",
        "succeeded - 200",
    ];
    assert_eq!(outcome.rows(), expected);
    assert_eq!(server.requests().await.len(), 3);
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn a_server_that_fails_again_and_again_is_given_more_time() {
    let server = failing(Some(3)).await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(persist("there?"))
        .await;
    assert_eq!(outcome.value(), "Here.");
    assert_eq!(outcome.rows()[..3], ["failed transient 500"; 3]);
    assert_eq!(outcome.rows()[3..], ["succeeded - 200"]);
    assert_eq!(server.requests().await.len(), 4);
    let pauses = server.pauses().await;
    for (pause, least) in pauses.iter().zip([0.25, 0.5, 1.0]) {
        assert!(*pause >= least, "{pauses:?}");
    }
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn attempts_are_numbered() {
    let server = failing(Some(2)).await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(insist("there?"))
        .await;
    let attempts = outcome.requests.iter().map(|request| request.attempt);
    assert_eq!(attempts.collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn a_server_that_fails_for_ever_ends_the_attempts() {
    let server = failing(None).await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(persist("there?"))
        .await;
    let error = outcome.llm_error(LlmErrorKind::Transient);
    assert_eq!(error.http_status(), Some(500));
    assert!(error.body().is_some_and(|body| body.contains("error")));
    assert_eq!(outcome.rows(), ["failed transient 500"; 4]);
    assert_eq!(server.requests().await.len(), 4);
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn who_may_ask_once_asks_once() {
    let server = failing(None).await;
    let outcome = Lab::at(&server.base_url()).await.call(say("there?")).await;
    outcome.llm_error(LlmErrorKind::Transient);
    assert_eq!(outcome.rows(), ["failed transient 500"]);
    assert_eq!(server.requests().await.len(), 1);
    assert_eq!(server.findings().await, ["gave_up"], "as it was told to");
}

#[tokio::test]
async fn a_connection_that_closes_before_the_answer_is_made_again() {
    let server = Aimock::answering(&[
        json!({ "response": { "content": "lost" }, "chaos": { "disconnectRate": 1 } }),
        json!({ "response": { "content": "Here." } }),
    ])
    .await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(insist("there?"))
        .await;
    assert_eq!(outcome.value(), "Here.");
    assert_eq!(outcome.rows(), ["failed transient -", "succeeded - 200"]);
    assert_eq!(server.requests().await.len(), 2);
}

#[tokio::test]
async fn half_an_answer_is_never_read() {
    let server = Wire::playing(&[Play::Half, Play::text("Whole.")]).await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(insist("there?"))
        .await;
    assert_eq!(outcome.value(), "Whole.");
    assert_eq!(outcome.rows(), ["failed transient -", "succeeded - 200"]);
    assert_eq!(server.seen(), 2);

    let server = Wire::playing(&[Play::Half]).await;
    let outcome = Lab::at(&server.base_url()).await.call(say("there?")).await;
    let error = outcome.llm_error(LlmErrorKind::Transient).to_string();
    assert!(
        error.contains("broke before its answer was there"),
        "{error}"
    );
}

#[tokio::test]
async fn where_nobody_listens_is_told_with_the_address() {
    // Bound, so that nobody else gets the port meanwhile, and deaf.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = deaf.local_addr().unwrap();
    let lab = Lab::at(&format!("http://{address}/v1")).await;
    let outcome = lab.call(insist("there?")).await;
    let error = outcome.llm_error(LlmErrorKind::Transient).to_string();
    assert!(error.contains(&address.to_string()), "{error}");
    assert_eq!(outcome.rows(), ["failed transient -"; 3]);
    assert_eq!(outcome.unpriced, 0, "it cost nothing");
}
