//! The server asks for a key.

use flow_engine::llm::{LlmErrorKind, OpenAiBackend};
use serde_json::json;

use crate::aimock::Aimock;
use crate::lab::{KEY, Lab, insist};
use crate::llmock::Llmock;

#[tokio::test]
async fn a_wrong_key_is_final_and_written_nowhere() {
    let server = Aimock::locked(&[json!({ "response": { "content": "Welcome." } })], KEY).await;
    let wrong = "sk-wrong-0123456789-abcdefghijklmno";
    let backend = OpenAiBackend::new(&server.base_url(), wrong).unwrap();
    let outcome = Lab::with(backend).await.call(insist("hello")).await;
    let error = outcome.llm_error(LlmErrorKind::Authentication);
    assert_eq!(error.http_status(), Some(401));
    assert!(error.to_string().contains("check the key"), "{error}");
    assert_eq!(outcome.rows(), ["failed authentication 401"]);
    assert_eq!(server.requests().await.len(), 0);
    let recorded = serde_json::to_string(&outcome.requests).unwrap();
    assert!(!recorded.contains(wrong) && !format!("{error:?}").contains(wrong));

    let outcome = Lab::at(&server.base_url())
        .await
        .call(insist("hello"))
        .await;
    assert_eq!(outcome.value(), "Welcome.");
    assert_eq!(outcome.rows(), ["succeeded - 200"]);
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_not_accepted_is_sent_once() {
    for status in [401, 403] {
        let refused = json!({ "type": "fail", "status": status, "times": null });
        let server = Llmock::playing(json!([refused])).await;
        let outcome = Lab::at(&server.base_url())
            .await
            .call(insist("hello"))
            .await;
        outcome.llm_error(LlmErrorKind::Authentication);
        assert_eq!(outcome.rows(), [format!("failed authentication {status}")]);
        assert_eq!(server.requests().await.len(), 1);
        assert_eq!(server.findings().await, [""; 0]);
    }
}
