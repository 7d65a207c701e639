use std::sync::Arc;

use serde_json::{Value, json};

use super::super::OpenAiBackend;
use super::*;
use crate::llm::{LlmBackend, Parameters, ReasoningEffort, SearchContext};

fn backend() -> OpenAiBackend {
    OpenAiBackend::official("sk-0123456789").unwrap()
}

fn parsed(answer: &Value) -> Result<LlmResponse, LlmError> {
    backend().parse(&answer.to_string())
}

/// As OpenAI gives it, with the parts that are read and those that lie between them.
fn found() -> Value {
    json!({
        "id": "resp_0a1b", "object": "response", "created_at": 1_762_000_000, "status": "completed",
        "error": null, "incomplete_details": null, "model": "gpt-5-mini-2025-08-07",
        "output": [
            { "id": "rs_1", "type": "reasoning", "summary": [] },
            { "id": "ws_1", "type": "web_search_call", "status": "completed", "action": {
                "type": "search", "query": "rivers", "queries": ["rivers"],
                "sources": [
                    { "type": "url", "url": "https://water.example/rivers" },
                    { "type": "url", "url": "https://news.example/flood" },
                    { "type": "api", "name": "oai-weather" },
                ],
            } },
            { "id": "ws_2", "type": "web_search_call", "status": "completed",
              "action": { "type": "open_page", "url": "https://news.example/flood" } },
            { "id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [
                { "type": "output_text", "logprobs": [], "text": "Größe zählt.", "annotations": [
                    { "type": "url_citation", "start_index": 0, "end_index": 5,
                      "title": "Rivers", "url": "https://water.example/rivers?utm_source=openai" },
                ] },
                { "type": "output_text", "text": " It rose.", "annotations": [
                    { "type": "url_citation", "start_index": 1, "end_index": 8,
                      "title": "Flood", "url": "https://news.example/flood" },
                    { "type": "file_citation", "file_id": "f", "index": 3 },
                ] },
            ] },
            { "id": "msg_2", "type": "message", "status": "completed", "role": "assistant", "content": [
                { "type": "output_text", "text": "\nEnd.", "annotations": [
                    { "type": "url_citation", "start_index": 1, "end_index": 4, "url": "https://end.example" },
                ] },
            ] },
        ],
        "usage": {
            "input_tokens": 9000, "input_tokens_details": { "cached_tokens": 1000 },
            "output_tokens": 300, "output_tokens_details": { "reasoning_tokens": 200 }, "total_tokens": 9300,
        },
    })
}

#[test]
fn an_answer_is_its_text_what_it_cites_and_what_was_found() {
    let answer = found();
    let response = parsed(&answer).unwrap();
    let text = "Größe zählt. It rose.\nEnd.";
    assert_eq!(response.accepted().unwrap(), text);
    assert!(response.ended_normally());
    let cited: Vec<_> = response
        .citations
        .iter()
        .map(|citation| {
            let place = citation.start.unwrap()..citation.end.unwrap();
            let part: String = text.chars().skip(place.start).take(place.len()).collect();
            (citation.url.as_str(), part)
        })
        .collect();
    assert_eq!(
        cited,
        [
            (
                "https://water.example/rivers?utm_source=openai",
                "Größe".to_owned()
            ),
            ("https://news.example/flood", "It rose".to_owned()),
            ("https://end.example", "End".to_owned()),
        ]
    );
    assert_eq!(response.citations[0].title.as_deref(), Some("Rivers"));
    assert_eq!(
        response.sources,
        [
            Source::new("https://water.example/rivers"),
            Source::new("https://news.example/flood"),
        ]
    );
    assert_eq!(
        response.usage,
        Usage {
            input_tokens: Some(9000),
            cached_tokens: Some(1000),
            output_tokens: Some(300),
            reasoning_tokens: Some(200),
            web_searches: Some(1),
            ..Usage::default()
        },
        "a page that was opened is no search"
    );
    assert_eq!(response.model.as_deref(), Some("gpt-5-mini-2025-08-07"));
    assert_eq!(response.provider_request_id.as_deref(), Some("resp_0a1b"));
    assert_eq!(response.raw, answer.to_string());
}

#[test]
fn what_a_model_says_while_it_searches_is_not_its_answer() {
    let mut answer = found();
    answer["output"][3]["phase"] = json!("commentary");
    let response = parsed(&answer).unwrap();
    assert_eq!(response.content.as_deref(), Some("\nEnd."));
    assert_eq!(response.citations[0].start, Some(1));
}

#[test]
fn an_answer_that_was_not_finished_is_not_accepted() {
    let ended = |status: Value, reason: Value| {
        let mut answer = found();
        answer["status"] = status;
        answer["incomplete_details"] = json!({ "reason": reason });
        parsed(&answer)
            .unwrap()
            .accepted()
            .map_err(|error| error.kind())
            .err()
    };
    let incomplete = |reason: &str| ended(json!("incomplete"), json!(reason));
    assert_eq!(
        incomplete("max_output_tokens"),
        Some(LlmErrorKind::Truncated)
    );
    assert_eq!(
        incomplete("content_filter"),
        Some(LlmErrorKind::ContentFiltered)
    );
    assert_eq!(incomplete("something_new"), Some(LlmErrorKind::Transient));
    for status in [
        json!("cancelled"),
        json!("in_progress"),
        json!("queued"),
        Value::Null,
    ] {
        assert_eq!(
            ended(status.clone(), Value::Null),
            Some(LlmErrorKind::Transient),
            "{status}"
        );
    }
    assert_eq!(ended(json!("completed"), Value::Null), None);
}

#[test]
fn a_failure_inside_an_answer_is_an_error() {
    let failed = |error: Value| {
        let answer =
            json!({ "object": "response", "status": "failed", "error": error, "output": [] });
        let error = parsed(&answer).unwrap_err();
        (error.kind(), error.to_string())
    };
    let (kind, message) = failed(json!({ "code": "server_error", "message": "It broke.\nAll." }));
    assert_eq!(kind, LlmErrorKind::Transient);
    assert_eq!(message, "the model's server failed: It broke. All.");
    assert_eq!(failed(Value::Null).0, LlmErrorKind::Transient);
    assert_eq!(
        failed(json!({ "code": "rate_limit_exceeded" })).0,
        LlmErrorKind::RateLimited
    );
    assert_eq!(
        failed(json!({ "code": "invalid_prompt" })).0,
        LlmErrorKind::InvalidRequest
    );
    assert_eq!(
        failed(json!({ "code": "bio_policy" })).0,
        LlmErrorKind::ContentFiltered
    );
}

#[test]
fn a_refusal_is_one() {
    let mut answer = found();
    answer["output"] =
        json!([{ "type": "message", "content": [{ "type": "refusal", "refusal": "No." }] }]);
    let error = parsed(&answer).unwrap().accepted().unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (LlmErrorKind::Refused, "the model refused: No.")
    );
}

#[test]
fn parts_of_another_form_count_as_absent() {
    let odd = json!({
        "output": [
            null, 3, "text", { "type": 5 }, { "type": "message" }, { "type": "message", "content": "plain" },
            { "type": "web_search_call" }, { "type": "web_search_call", "action": { "sources": [null, {}, { "url": 3 }] } },
            { "type": "message", "content": [null, { "text": 3 }, { "text": "a", "annotations": {} },
                { "text": "b", "annotations": [
                    null, {}, { "url": "https://a.example", "start_index": -1, "end_index": 1 },
                    { "url": "https://b.example", "start_index": 0, "end_index": u64::MAX },
                    { "url": "https://c.example", "start_index": 0.5, "end_index": "1" },
                    { "type": "url_citation",
                      "url_citation": { "url": "https://d.example", "start_index": 0, "end_index": 1 } },
                ] }] },
        ],
        "status": "completed", "usage": { "input_tokens": "many" }, "model": null,
    });
    let response = parsed(&odd).unwrap();
    assert_eq!(response.accepted().unwrap(), "plainab");
    assert_eq!(
        response.citations,
        [
            Citation::new("https://a.example"),
            Citation::new("https://b.example"),
            Citation::new("https://c.example"),
            Citation::new("https://d.example").at(6, 7),
        ]
    );
    assert_eq!(
        (response.sources.len(), response.usage.input_tokens),
        (0, None)
    );
}

#[test]
fn chat_completions_are_still_read_as_such() {
    let chat = json!({ "object": "chat.completion", "choices": [
        { "message": { "content": "hi" }, "finish_reason": "stop" } ], "output": [] });
    let response = parsed(&chat).unwrap();
    assert_eq!(response.accepted().unwrap(), "hi");
    assert_eq!(response.usage.web_searches, None);
}

fn request(parameters: Parameters) -> LlmRequest {
    LlmRequest {
        step: "gather".into(),
        model: "gpt-5-mini".into(),
        messages: vec![
            Message::new(Role::System, "Be brief."),
            Message::user("Rivers?"),
        ],
        parameters,
        format: OutputFormat::Text,
        web_search: Some(WebSearch::default()),
        streams: false,
        secrets: Arc::default(),
    }
}

#[test]
fn a_request_asks_for_a_search_and_its_sources_from_nowhere_in_particular() {
    let request = request(Parameters::default());
    assert_eq!(backend().operation(&request), "responses");
    assert_eq!(
        backend().body(&request).unwrap(),
        json!({
            "model": "gpt-5-mini",
            "input": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "Rivers?" },
            ],
            "tools": [{ "type": "web_search", "user_location": { "type": "approximate" } }],
            "tool_choice": "required",
            "include": ["web_search_call.action.sources"],
            "store": false,
        })
    );
}

#[test]
fn a_request_says_where_to_search_and_what_to_answer() {
    let mut asked = request(Parameters {
        max_output_tokens: Some(500),
        reasoning_effort: Some(ReasoningEffort::Low),
        ..Parameters::default()
    });
    asked.web_search = Some(WebSearch {
        allowed_domains: vec!["water.example".into()],
        country: Some("DE".into()),
        context: Some(SearchContext::High),
    });
    asked.format = OutputFormat::JsonSchema {
        name: "Digest".into(),
        schema: json!({ "type": "object" }),
        strict: true,
    };
    let body = backend().body(&asked).unwrap();
    assert_eq!(
        body["tools"],
        json!([{
            "type": "web_search",
            "user_location": { "type": "approximate", "country": "DE" },
            "filters": { "allowed_domains": ["water.example"] },
            "search_context_size": "high",
        }])
    );
    assert_eq!(
        body["text"],
        json!({ "format": {
            "type": "json_schema", "name": "Digest", "strict": true, "schema": { "type": "object" },
        } })
    );
    assert_eq!(
        (&body["max_output_tokens"], &body["reasoning"]),
        (&json!(500), &json!({ "effort": "low" }))
    );
}

#[test]
fn a_parameter_that_the_api_does_not_have_is_refused() {
    let asked = request(Parameters {
        seed: Some(1),
        ..Parameters::default()
    });
    let error = backend().body(&asked).unwrap_err();
    assert_eq!(error.kind(), LlmErrorKind::InvalidRequest);
    assert!(error.to_string().contains("no `seed`"), "{error}");
}

#[test]
fn attachments_are_parts_of_the_input() {
    let mut asked = request(Parameters::default());
    asked.messages = vec![Message {
        attachments: vec![crate::llm::Attached {
            at: 4,
            attachment: Attachment::url("image/png", "https://example.com/cat.png"),
        }],
        ..Message::user("See this.")
    }];
    assert_eq!(
        backend().body(&asked).unwrap()["input"][0]["content"],
        json!([
            { "type": "input_text", "text": "See" },
            { "type": "input_image", "detail": "auto", "image_url": "https://example.com/cat.png" },
            { "type": "input_text", "text": "this." },
        ])
    );
}
