//! The key stays between us and the server.

use serde_json::json;

use super::*;

#[test]
fn the_key_is_not_printed() {
    let backend = OpenAiBackend::new("http://127.0.0.1:8080/v1", KEY).unwrap();
    assert_eq!(
        format!("{backend:?}"),
        "OpenAiBackend { provider: \"127.0.0.1:8080\", timeout: 600s, structured: JsonSchema, .. }"
    );
}

#[tokio::test]
async fn a_key_in_an_error_of_the_server_is_hidden() {
    let echo = json!({ "error": { "message": format!("{KEY} is wrong"), "headers": format!("Bearer {KEY}") } });
    // `failed` looks for the key.
    let error = failed(json("401 Unauthorized", &echo)).await;
    assert_eq!(
        error.to_string(),
        "the model's server answered 401: [key] is wrong; check the key and what it may use"
    );
    assert!(error.body().unwrap().contains("Bearer [key]"), "{error:?}");
    failed(answer("200 OK", &format!("x-request-id: {KEY}\r\n"), KEY)).await;
    failed(answer(
        "302 Found",
        &format!("location: http://else.where/?key={KEY}\r\n"),
        KEY,
    ))
    .await;
}

#[tokio::test]
async fn a_key_at_the_cut_of_a_long_message_is_hidden_whole() {
    let echo = json!({ "detail": format!("{}{KEY}", "x".repeat(290)) });
    for key in [KEY, &KEY[..12]] {
        let server = Server::start(json("400 Bad Request", &echo)).await;
        let said = ask(&server.backend(key)).await.unwrap_err().to_string();
        assert!(said.contains("xx[key]") && !said.contains("sk-"), "{said}");
    }
}

#[tokio::test]
async fn a_key_in_an_answer_of_the_server_is_hidden() {
    let echo = json!({ "choices": [{ "message": { "content": "yes" }, "finish_reason": "stop" }], "debug": { "authorization": KEY } });
    let response = answered(json("200 OK", &echo)).await;
    assert_eq!(response.raw, echo.to_string().replace(KEY, "[key]"));
    assert_eq!(response.accepted().unwrap(), "yes");
}

#[tokio::test]
async fn a_key_that_is_a_word_makes_no_hole_in_an_answer() {
    let body = json!({ "choices": [{ "message": { "content": "lm-studio and ollama" }, "finish_reason": "stop" }] });
    for key in ["lm-studio", "ollama", "e"] {
        let server = Server::start(json("200 OK", &body)).await;
        let response = ask(&server.backend(key)).await.unwrap();
        assert_eq!(response.raw, body.to_string());
        assert_eq!(response.accepted().unwrap(), "lm-studio and ollama");
    }
    let server = Server::start(json(
        "400 Bad Request",
        &json!({ "detail": "test-key and e" }),
    ))
    .await;
    let error = |key: &'static str| {
        let backend = server.backend(key);
        async move { ask(&backend).await.unwrap_err().to_string() }
    };
    assert_eq!(
        error("test-key").await,
        "the model's server answered 400: [key] and e"
    );
    assert_eq!(
        error("e").await,
        "the model's server answered 400: test-key and e"
    );
}
