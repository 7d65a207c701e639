//! Images, as bytes and by URL.

use flow_engine::llm::{LlmErrorKind, MockBackend};
use serde_json::json;

use crate::aimock::Aimock;
use crate::lab::{Lab, draw};

/// [`MockBackend::PNG`] in base64.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg==";

#[tokio::test]
async fn the_bytes_of_an_image_are_stored_and_no_row_has_them() {
    let image = json!({ "b64Json": PNG, "revisedPrompt": "A cat, drawn." });
    let server = Aimock::answering(&[
        json!({ "match": { "endpoint": "image" }, "response": { "image": image } }),
    ])
    .await;
    let lab = Lab::at(&server.base_url()).await;
    let outcome = lab.call(draw("a cat")).await;
    assert_eq!(outcome.rows(), ["succeeded - 200"]);
    assert_eq!(outcome.requests[0].operation, "images.generations");
    let kept = serde_json::to_string(&outcome.requests).unwrap();
    assert!(!kept.contains(PNG), "{kept}");
    let image = outcome.value();
    assert!(kept.contains(&image.url));
    assert_eq!(image.media_type.as_deref(), Some("image/png"));
    assert_eq!(image.revised_prompt.as_deref(), Some("A cat, drawn."));
    assert_eq!(lab.artifact(image).await, MockBackend::PNG);
    let sent = &server.requests().await[0];
    assert!(sent.to_string().contains("a cat"), "{sent}");
}

#[tokio::test]
async fn an_image_by_url_stays_there() {
    let image = json!({ "url": "https://example.com/cat.png" });
    let server = Aimock::answering(&[
        json!({ "match": { "endpoint": "image" }, "response": { "image": image } }),
    ])
    .await;
    let lab = Lab::at(&server.base_url()).await;
    let outcome = lab.call(draw("a cat")).await;
    let image = outcome.value();
    assert_eq!(image.url, "https://example.com/cat.png");
    assert_eq!(image.media_type.as_deref(), Some("image/png"));
}

#[tokio::test]
async fn a_prompt_that_a_filter_stopped_is_final() {
    let error = json!({
        "message": "Your request was rejected by the safety system.",
        "type": "image_generation_user_error",
        "code": "moderation_blocked",
    });
    let server = Aimock::answering(&[
        json!({ "match": { "endpoint": "image" }, "response": { "error": error, "status": 400 } }),
    ])
    .await;
    let outcome = Lab::at(&server.base_url()).await.call(draw("a cat")).await;
    outcome.llm_error(LlmErrorKind::ContentFiltered);
    assert_eq!(outcome.rows(), ["failed content_filtered 400"]);
    assert_eq!(outcome.unpriced, 0);
}
