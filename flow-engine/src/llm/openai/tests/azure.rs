//! Azure: where a request goes, and what is in it.

use super::*;

fn azure(server: &Server) -> OpenAiBackend {
    let endpoint = format!("http://{}/", server.address);
    OpenAiBackend::azure(&endpoint, "2024-10-21", KEY).unwrap()
}

fn good() -> Play {
    json(
        "200 OK",
        &serde_json::json!({
            "model": "gpt-4o-2024-08-06",
            "choices": [{ "message": { "role": "assistant", "content": "Done." }, "finish_reason": "stop" }],
        }),
    )
}

#[tokio::test]
async fn the_deployment_is_in_the_path_the_version_in_the_query_and_the_key_in_its_own_header() {
    let server = Server::start(good()).await;
    let response = ask(&azure(&server)).await.unwrap();
    assert_eq!(response.content.as_deref(), Some("Done."));
    assert_eq!(response.model.as_deref(), Some("gpt-4o-2024-08-06"));
    let [request] = &*server.requests() else {
        panic!("one request is sent");
    };
    let line = "POST /openai/deployments/tiny/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    let head = request.split("\r\n\r\n").next().unwrap().to_lowercase();
    assert!(head.contains(&format!("\r\napi-key: {}", KEY.to_lowercase())));
    assert!(!head.contains("authorization"), "{head}");
}

#[tokio::test]
async fn its_time_can_be_limited_and_its_requests_go_where_they_went() {
    let server = Server::start(Play::Silence).await;
    let backend = azure(&server).with_timeout(Duration::from_millis(200));
    let error = ask(&backend).await.unwrap_err();
    assert_eq!(error.kind(), LlmErrorKind::Timeout);
    assert!(server.requests()[0].starts_with("POST /openai/deployments/tiny/"));
}

#[tokio::test]
async fn a_key_that_it_says_back_is_shown_nowhere() {
    let said = serde_json::json!({ "error": { "code": "401", "message": format!("`{KEY}` is not known") } });
    let server = Server::start(json("401 Unauthorized", &said)).await;
    let backend = azure(&server);
    assert_eq!(backend.provider(), "azure");
    let error = ask(&backend).await.unwrap_err();
    assert_eq!(error.kind(), LlmErrorKind::Authentication);
    let recorded = serde_json::to_string(&error).unwrap();
    for text in [
        format!("{backend:?}"),
        format!("{error:?} {error}"),
        recorded,
    ] {
        assert!(!text.contains(KEY), "{text}");
    }
}

#[test]
fn what_is_no_deployment_is_refused_before_anything_is_sent() {
    let backend = OpenAiBackend::azure("https://a.openai.azure.com", "2024-10-21", "key").unwrap();
    for model in ["a/b", "..", "a?b", "a b", "a%2fb", ""] {
        let request = LlmRequest {
            model: model.to_owned(),
            ..request()
        };
        let error = backend.body(&request).unwrap_err();
        assert_eq!(error.kind(), LlmErrorKind::InvalidRequest, "{model}");
    }
    for (endpoint, version, key) in [
        ("a.openai.azure.com", "2024-10-21", "key"),
        ("https://a.openai.azure.com", "", "key"),
        ("https://a.openai.azure.com", "1&b=c", "key"),
        ("https://a.openai.azure.com", "2024-10-21", "a key"),
    ] {
        assert!(OpenAiBackend::azure(endpoint, version, key).is_err());
    }
}

#[tokio::test]
async fn an_answer_in_pieces_is_asked_for_where_others_are() {
    let server = Server::start(good()).await;
    let (backend, request) = (azure(&server), request());
    let body = backend.body(&request).unwrap();
    backend.stream(&request, &body, &|_| {}).await.unwrap();
    let sent = &server.requests()[0];
    let line = "POST /openai/deployments/tiny/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n";
    assert!(sent.starts_with(line), "{sent}");
    assert!(sent.contains(&format!("api-key: {KEY}")));
}

#[test]
fn a_variable_that_is_missing_is_named() {
    let set = |missing: &'static str| {
        OpenAiBackend::azure_from_variables(move |name| {
            let value = match name {
                "AZURE_OPENAI_ENDPOINT" => "https://acme.openai.azure.com",
                "OPENAI_API_VERSION" => "2024-10-21",
                _ => "0123456789abcdef",
            };
            Ok((name != missing).then(|| value.to_owned()))
        })
    };
    assert_eq!(set("none").unwrap().provider(), "azure");
    for missing in [
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_OPENAI_API_KEY",
        "OPENAI_API_VERSION",
    ] {
        let error = set(missing).unwrap_err();
        let expected = format!("Azure is not configured: set {missing},");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
