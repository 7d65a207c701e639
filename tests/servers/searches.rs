//! A model that searches the web, or was asked to.

use flow_engine::News;
use flow_engine::llm::LlmErrorKind;
use flow_engine::prelude::*;
use serde_json::json;

use crate::aimock::Aimock;
use crate::lab::{Lab, Rating};
use crate::wire::{Play, Wire};

#[step(kind = "news", prompt = "./prompts/text.md")]
async fn gather(text: String) -> News;

#[step(kind = "news", prompt = "./prompts/text.md")]
async fn judge(text: String) -> News<Rating>;

#[tokio::test]
async fn an_answer_with_a_search_is_news() {
    let rating = json!({ "stars": 4, "reason": "wet" }).to_string();
    let server = Aimock::answering(&[
        json!({ "response": { "content": "It rose.", "webSearches": ["rivers", "floods"] } }),
        json!({ "response": { "content": rating, "webSearches": ["rivers"] } }),
    ])
    .await;
    let lab = Lab::at(&server.base_url()).await;
    let outcome = lab.call(gather("rivers")).await;
    assert_eq!(outcome.rows(), ["succeeded - 200"]);
    assert_eq!(outcome.requests[0].operation, "responses");
    assert_eq!(outcome.unpriced, 1);
    let news = outcome.value();
    assert_eq!((news.content.as_str(), news.sources.len()), ("It rose.", 0));
    assert_eq!(lab.call(judge("rivers")).await.value().content.stars, 4);
    assert_eq!(server.requests().await.len(), 2);
}

#[tokio::test]
async fn an_answer_without_a_search_is_no_news() {
    let server = Aimock::answering(&[json!({ "response": { "content": "Invented." } })]).await;
    let outcome = Lab::at(&server.base_url()).await.call(gather("so?")).await;
    let error = outcome.llm_error(LlmErrorKind::InvalidOutput);
    assert_eq!(error.partial(), Some("Invented."));
    assert_eq!(outcome.rows(), ["failed invalid_output 200"]);
    assert!(outcome.requests[0].response.is_some());

    let server = Wire::playing(&[Play::text("Invented in a chat.")]).await;
    let outcome = Lab::at(&server.base_url()).await.call(gather("so?")).await;
    outcome.llm_error(LlmErrorKind::InvalidOutput);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_no_news() {
    let cut = json!({ "response": {
        "content": "It ro", "webSearches": ["rivers"], "finishReason": "length",
    } });
    let server = Aimock::answering(&[cut]).await;
    let outcome = Lab::at(&server.base_url()).await.call(gather("so?")).await;
    let error = outcome.result.unwrap_err();
    let error = error.llm().unwrap();
    assert!(
        matches!(
            error.kind(),
            LlmErrorKind::Truncated | LlmErrorKind::Transient
        ),
        "{error}"
    );
    assert_eq!(error.partial(), Some("It ro"));
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_server_without_the_api_is_told_as_such() {
    let error = json!({ "message": "Not Found" });
    let gone = json!({ "response": { "error": error, "status": 404 } });
    let server = Aimock::answering(&[gone]).await;
    let outcome = Lab::at(&server.base_url()).await.call(gather("so?")).await;
    let error = outcome.llm_error(LlmErrorKind::InvalidRequest);
    assert!(error.to_string().contains("`/responses`"), "{error}");
    assert_eq!(outcome.rows(), ["failed invalid_request 404"]);
}
