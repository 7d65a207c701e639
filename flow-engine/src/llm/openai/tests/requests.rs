//! What is sent, and to whom.

use serde_json::json;

use super::*;
use crate::llm::ReasoningEffort;

fn full() -> LlmRequest {
    LlmRequest {
        messages: vec![
            Message::new(Role::System, "Be brief."),
            Message::new(Role::User, "Say \"ü\"\n"),
        ],
        parameters: Parameters {
            model: None,
            temperature: Some(0.2),
            top_p: Some(0.9),
            max_output_tokens: Some(800),
            seed: Some(7),
            stop: Some(vec!["END".into()]),
            reasoning_effort: Some(ReasoningEffort::Low),
            ..Parameters::default()
        },
        format: OutputFormat::JsonSchema {
            name: "Summary".into(),
            schema: json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false }),
            strict: true,
        },
        ..request()
    }
}

fn full_body(limit: &str) -> Value {
    json!({
        "model": "tiny",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Say \"ü\"\n" },
        ],
        "temperature": 0.2,
        "top_p": 0.9,
        limit: 800,
        "seed": 7,
        "stop": ["END"],
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "Summary",
                "strict": true,
                "schema": { "type": "object", "properties": {}, "required": [], "additionalProperties": false },
            },
        },
    })
}

#[tokio::test]
async fn the_body_that_is_recorded_is_the_one_that_is_sent() {
    let server = Server::start(json("200 OK", &json!({}))).await;
    let backend = server.backend(KEY);
    let recorded = backend.body(&full()).unwrap();
    backend.send(&full(), &recorded).await.unwrap_err();
    assert_eq!(recorded, full_body("max_tokens"));

    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(body, recorded.to_string());
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /v1/chat/completions HTTP/1.1"));
    let mut headers: Vec<_> = lines.collect();
    headers.sort_unstable();
    let expected = [
        "accept: */*".to_owned(),
        format!("authorization: Bearer {KEY}"),
        format!("content-length: {}", body.len()),
        "content-type: application/json".to_owned(),
        format!("host: {}", server.address),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn openai_itself_is_told_the_limit_by_its_newer_name() {
    for backend in [
        OpenAiBackend::official(KEY).unwrap(),
        OpenAiBackend::new("https://api.openai.com/v1/", KEY).unwrap(),
        OpenAiBackend::new("https://eu.api.openai.com/v1", KEY).unwrap(),
    ] {
        assert_eq!(backend.provider(), "openai");
        assert_eq!(
            backend.body(&full()).unwrap(),
            full_body("max_completion_tokens")
        );
    }
    for host in [
        "api.openai.com.example",
        "my-api.openai.com",
        "127.0.0.1:8080",
    ] {
        let other = OpenAiBackend::new(&format!("http://{host}/v1"), KEY).unwrap();
        assert_eq!(other.provider(), host);
        assert_eq!(other.body(&full()).unwrap(), full_body("max_tokens"));
    }
}

#[test]
fn what_is_not_set_is_not_sent() {
    let backend = OpenAiBackend::official(KEY).unwrap();
    assert_eq!(
        backend.body(&request()).unwrap(),
        json!({ "model": "tiny", "messages": [{ "role": "user", "content": "Say it." }] })
    );
}

#[tokio::test]
async fn a_server_that_asks_for_no_key_is_sent_none() {
    let server = Server::start(json("200 OK", &json!({}))).await;
    ask(&server.backend("")).await.unwrap_err();
    assert!(
        !server.requests()[0].contains("authorization"),
        "{:?}",
        server.requests()
    );
}

#[tokio::test]
async fn white_space_around_address_and_key_is_left_out() {
    let server = Server::start(json("200 OK", &json!({}))).await;
    let backend = OpenAiBackend::new(
        &format!(" http://{}/v1//\n", server.address),
        &format!("{KEY}\n"),
    )
    .unwrap();
    ask(&backend).await.unwrap_err();
    let requests = server.requests();
    assert!(
        requests[0].starts_with("POST /v1/chat/completions "),
        "{requests:?}"
    );
    assert!(
        requests[0].contains(&format!("authorization: Bearer {KEY}\r\n")),
        "{requests:?}"
    );
}

#[test]
fn what_is_no_address_of_a_server_is_refused() {
    for wrong in [
        "",
        "api.openai.com/v1",
        "localhost:8080",
        "ftp://host/v1",
        "http://",
    ] {
        let error = OpenAiBackend::new(wrong, KEY).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{wrong}` is not an address of a server; it looks like https://api.openai.com/v1"
            )
        );
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

#[test]
fn an_address_that_is_refused_is_shown_without_what_may_be_a_key() {
    for (wrong, shown) in [
        ("https://host/v1?api-key=0123456789", "https://host/v1…"),
        ("https://host/v1#0123456789", "https://host/v1…"),
        ("https://me:0123456789@host:port/v1", "…"),
        ("me:0123456789@host/v1", "…"),
        ("sk-0123456789", "…"),
    ] {
        let error = OpenAiBackend::new(wrong, KEY).unwrap_err().to_string();
        let expected = format!("`{shown}` is not an address of a server");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_key_that_no_header_can_hold_is_refused_without_showing_it() {
    for wrong in ["sk-one\nsk-two", "sk-ключ", "sk-\u{0}"] {
        let error = OpenAiBackend::official(wrong).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the key of the model's server holds white space or a letter that no key has; copy it again"
        );
    }
}

#[test]
fn the_environment_names_the_server() {
    let named = |url: Option<&str>, key: Option<&str>| {
        OpenAiBackend::from_variables(|name| {
            let value = match name {
                "OPENAI_BASE_URL" => url,
                "OPENAI_API_KEY" => key,
                "OPENAI_STRUCTURED_OUTPUT" => None,
                other => panic!("{other} is read"),
            };
            Ok(value.map(str::to_owned))
        })
    };
    assert_eq!(named(None, Some(KEY)).unwrap().provider(), "openai");
    assert_eq!(
        named(Some("http://127.0.0.1:8080/v1"), Some(KEY))
            .unwrap()
            .provider(),
        "127.0.0.1:8080"
    );
    assert_eq!(
        named(Some("http://model.local/v1"), None)
            .unwrap()
            .provider(),
        "model.local"
    );
    assert_eq!(
        named(None, None).unwrap_err().to_string(),
        "no model is configured: set OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server, and FLOW_ENGINE_MODEL"
    );
}

/// What the full request becomes for a server that is asked so.
fn asked(way: StructuredOutput, messages: Vec<Message>) -> Value {
    let backend = OpenAiBackend::new("http://127.0.0.1:1/v1", "").unwrap();
    let request = LlmRequest { messages, ..full() };
    let body = backend.with_structured_output(way).body(&request).unwrap();
    json!([body["response_format"], body["messages"]])
}

#[test]
fn a_server_that_takes_no_schema_is_told_it_at_the_end_of_the_system_message() {
    let words = "Answer with one JSON object and nothing else: no words before or after it, no code fence. It must fit this JSON \
        schema:\n{\"type\":\"object\",\"properties\":{},\"required\":[],\"additionalProperties\":false}";
    let user = json!({ "role": "user", "content": "Say \"ü\"\n" });
    let messages = json!([
        { "role": "system", "content": format!("Be brief.\n\n{words}") },
        user,
    ]);
    assert_eq!(
        asked(StructuredOutput::JsonObject, full().messages),
        json!([{ "type": "json_object" }, messages])
    );
    assert_eq!(
        asked(StructuredOutput::Prompt, full().messages),
        json!([null, messages])
    );
    assert_eq!(
        asked(StructuredOutput::Prompt, full().messages.split_off(1)),
        json!([null, [{ "role": "system", "content": words }, user]])
    );
}

#[test]
fn a_request_for_text_is_the_same_for_all_servers() {
    let text = LlmRequest {
        format: OutputFormat::Text,
        ..full()
    };
    let body = |way| {
        let backend = OpenAiBackend::new("http://127.0.0.1:1/v1", "").unwrap();
        backend.with_structured_output(way).body(&text).unwrap()
    };
    assert_eq!(
        body(StructuredOutput::Prompt),
        body(StructuredOutput::JsonSchema)
    );
}

#[test]
fn the_environment_says_how_json_is_asked_for() {
    let named = |word: &str| {
        OpenAiBackend::from_variables(|name| {
            let set = match name {
                "OPENAI_API_KEY" => Some(KEY),
                "OPENAI_STRUCTURED_OUTPUT" => Some(word),
                _ => None,
            };
            Ok(set.map(str::to_owned))
        })
    };
    for way in [
        StructuredOutput::JsonSchema,
        StructuredOutput::JsonObject,
        StructuredOutput::Prompt,
    ] {
        assert_eq!(named(way.as_str()).unwrap().structured, way);
    }
    assert_eq!(
        named("json").unwrap_err().to_string(),
        "OPENAI_STRUCTURED_OUTPUT is `json`; it can be `json_schema`, `json_object` or `prompt`"
    );
}

#[test]
fn an_image_has_a_body_of_its_own() {
    let backend = OpenAiBackend::official("sk-test").unwrap();
    let image = |parameters: Parameters| LlmRequest {
        messages: vec![Message::user("A cat.\n")],
        parameters,
        format: OutputFormat::Image,
        ..request()
    };
    let of_images = Parameters {
        size: Some("1024x1024".into()),
        quality: Some("low".into()),
        // For budgets only.
        max_output_tokens: Some(300),
        ..Parameters::default()
    };
    let body = backend.body(&image(of_images.clone())).unwrap();
    let expected = json!({ "model": request().model, "prompt": "A cat.", "size": "1024x1024", "quality": "low" });
    assert_eq!(body, expected);
    assert_eq!(
        backend.operation(&image(Parameters::default())),
        "images.generations"
    );
    let of_text = Parameters {
        temperature: Some(0.5),
        ..Parameters::default()
    };
    let error = backend.body(&image(of_text)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`temperature` is no parameter of images"),
        "{error}"
    );
    let text = LlmRequest {
        format: OutputFormat::Text,
        ..image(of_images)
    };
    let error = backend.body(&text).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`size` is a parameter of images"),
        "{error}"
    );
}
