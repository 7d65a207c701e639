//! The answer is none, or not the one that was asked for.

use flow_engine::llm::LlmErrorKind;
use serde_json::json;

use crate::aimock::Aimock;
use crate::lab::{Lab, ask_around, insist, rate, rate_again, say, say_more};
use crate::llmock::Llmock;
use crate::wire::{Play, Wire};

#[tokio::test]
async fn what_is_not_json_is_asked_again() {
    let spoilt = json!({ "response": { "content": "lost" }, "chaos": { "malformedRate": 1 } });
    let server =
        Aimock::answering(&[spoilt.clone(), json!({ "response": { "content": "Yes." } })]).await;
    let outcome = Lab::at(&server.base_url()).await.call(insist("so?")).await;
    assert_eq!(outcome.value(), "Yes.");
    assert_eq!(outcome.rows(), ["failed transient 200", "succeeded - 200"]);
    assert_eq!(server.requests().await.len(), 2);

    let server = Aimock::answering(&[spoilt]).await;
    let outcome = Lab::at(&server.base_url()).await.call(say("so?")).await;
    let error = outcome.llm_error(LlmErrorKind::Transient);
    assert!(
        error.to_string().contains("not a chat completion"),
        "{error}"
    );
    assert!(
        error
            .body()
            .is_some_and(|body| body.starts_with("{malformed"))
    );
}

#[tokio::test]
async fn what_is_not_json_may_have_cost() {
    let spoilt = json!({ "response": { "content": "lost" }, "chaos": { "malformedRate": 1 } });
    let server = Aimock::answering(&[spoilt]).await;
    let outcome = Lab::at(&server.base_url()).await.call(say("so?")).await;
    assert_eq!(outcome.rows(), ["failed transient 200"]);
    assert_eq!(outcome.unpriced, 1);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let server = Wire::playing(&[Play::refusal("I would rather not.")]).await;
    let outcome = Lab::at(&server.base_url()).await.call(insist("so?")).await;
    let error = outcome.llm_error(LlmErrorKind::Refused).to_string();
    assert!(error.contains("I would rather not."), "{error}");
    assert_eq!(outcome.rows(), ["failed refused 200"]);
    assert_eq!(outcome.unpriced, 1);
    assert_eq!(server.seen(), 1);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_an_error_that_keeps_it() {
    let cut = json!({ "response": { "content": "{\"stars\": 4", "finishReason": "length" } });
    let server = Aimock::answering(&[cut]).await;
    let outcome = Lab::at(&server.base_url()).await.call(rate("rain")).await;
    let error = outcome.llm_error(LlmErrorKind::Truncated);
    assert_eq!(error.partial(), Some("{\"stars\": 4"));
    assert_eq!(outcome.rows(), ["failed truncated 200"]);
    assert_eq!(outcome.requests[0].finish_reason.as_deref(), Some("length"));
    assert!(
        outcome.requests[0].output_tokens.is_some(),
        "it was paid for"
    );
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn an_answer_that_a_filter_stopped_is_final() {
    let stopped = json!({ "response": { "content": "It", "finishReason": "content_filter" } });
    let server = Aimock::answering(&[stopped]).await;
    let outcome = Lab::at(&server.base_url()).await.call(insist("so?")).await;
    let error = outcome.llm_error(LlmErrorKind::ContentFiltered);
    assert_eq!(error.partial(), Some("It"));
    assert_eq!(outcome.rows(), ["failed content_filtered 200"]);
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_request_that_a_filter_stopped_is_final() {
    let error =
        json!({ "message": "flagged", "type": "invalid_request_error", "code": "content_filter" });
    let server =
        Aimock::answering(&[json!({ "response": { "error": error, "status": 400 } })]).await;
    let outcome = Lab::at(&server.base_url()).await.call(insist("so?")).await;
    outcome.llm_error(LlmErrorKind::ContentFiltered);
    assert_eq!(outcome.rows(), ["failed content_filtered 400"]);
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_request_that_the_server_does_not_take_is_final() {
    let error = json!({ "message": "no such model", "code": "model_not_found" });
    let server =
        Aimock::answering(&[json!({ "response": { "error": error, "status": 404 } })]).await;
    let outcome = Lab::at(&server.base_url()).await.call(insist("so?")).await;
    let error = outcome.llm_error(LlmErrorKind::InvalidRequest).to_string();
    assert!(
        error.contains("no such model; check the model's name"),
        "{error}"
    );
    assert_eq!(outcome.rows(), ["failed invalid_request 404"]);
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_its_type_is_an_error_that_keeps_it() {
    let cases = [
        ("Four stars, I think.", "not JSON"),
        (
            r#"{"stars":"four","reason":"it is short"}"#,
            "of another type",
        ),
        (r#"{"stars":9,"reason":"it is long"}"#, "out of range"),
    ];
    for (answer, why) in cases {
        let reply = json!({ "type": "reply", "text": answer, "times": null });
        let server = Llmock::playing(json!([reply])).await;
        let outcome = Lab::at(&server.base_url()).await.call(rate("rain")).await;
        outcome.llm_error(LlmErrorKind::InvalidOutput);
        assert_eq!(outcome.rows(), ["failed invalid_output 200"], "{why}");
        let raw = outcome.requests[0].response.as_deref().unwrap();
        let raw: serde_json::Value = serde_json::from_str(raw).unwrap();
        assert_eq!(
            raw.pointer("/choices/0/message/content"),
            Some(&json!(answer))
        );
        assert!(
            outcome.requests[0].output_tokens.is_some(),
            "it was paid for"
        );
        assert_eq!(server.requests().await.len(), 1);
    }
}

#[tokio::test]
async fn a_model_that_is_told_what_is_wrong_may_answer_right() {
    let server = Llmock::playing(json!([
        { "type": "reply", "text": r#"{"stars":"four"}"# },
        { "type": "reply", "text": r#"{"stars":4,"reason":"it is short"}"# },
    ]))
    .await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(rate_again("rain"))
        .await;
    assert_eq!(outcome.value().stars, 4);
    assert_eq!(
        outcome.rows(),
        ["failed invalid_output 200", "succeeded - 200"]
    );
    let requests = server.requests().await;
    let messages = requests[1]["body"]["messages"].as_array().unwrap();
    assert_eq!(
        messages[messages.len() - 2]["content"],
        r#"{"stars":"four"}"#
    );
    assert_eq!(requests.len(), 2);
    assert_eq!(server.findings().await, [""; 0]);
}

#[tokio::test]
async fn an_answer_that_was_cut_may_be_given_more_room() {
    let cut = json!({ "response": { "content": "Half", "finishReason": "length" } });
    let whole = json!({ "response": { "content": "Half and half." } });
    let server = Aimock::answering(&[cut, whole]).await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(say_more("so?"))
        .await;
    assert_eq!(outcome.value(), "Half and half.");
    assert_eq!(outcome.rows(), ["failed truncated 200", "succeeded - 200"]);
    let limits: Vec<_> = outcome
        .requests
        .iter()
        .map(|row| row.request.as_ref().unwrap()["max_tokens"].clone())
        .collect();
    assert_eq!(limits, [json!(50), json!(100)]);
    assert_eq!(server.requests().await.len(), 2);
}

#[tokio::test]
async fn another_model_may_answer_for_one_that_fails() {
    let server = Llmock::playing(json!([
        { "type": "fail", "status": 500 },
        { "type": "reply", "text": "Here." },
    ]))
    .await;
    let outcome = Lab::at(&server.base_url())
        .await
        .call(ask_around("so?"))
        .await;
    assert_eq!(outcome.value(), "Here.");
    assert_eq!(outcome.rows(), ["failed transient 500", "succeeded - 200"]);
    let models: Vec<_> = outcome.requests.iter().map(|row| &*row.model).collect();
    assert_eq!(models, ["test-model", "other-model"]);
}

#[tokio::test]
async fn an_answer_made_from_the_schema_fits_its_type() {
    // This server makes one that keeps the schema as it was sent.
    let server = Llmock::playing(json!([{ "type": "delay", "seconds": 0 }])).await;
    let outcome = Lab::at(&server.base_url()).await.call(rate("rain")).await;
    assert!((1..=5).contains(&outcome.value().stars));
    assert_eq!(outcome.rows(), ["succeeded - 200"]);
    let requests = server.requests().await;
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0]["body"]["response_format"]["json_schema"]["strict"],
        true
    );
    assert_eq!(server.findings().await, [""; 0]);
}
