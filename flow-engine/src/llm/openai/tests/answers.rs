//! Answers that can be read, and what is read of them.

use serde_json::json;

use super::*;
use crate::llm::Usage;

/// A completion with this choice, and nothing that could be left out.
fn completion(choice: &Value) -> Play {
    json("200 OK", &json!({ "choices": [choice] }))
}

#[tokio::test]
async fn all_of_a_good_answer_is_read_and_its_text_is_kept_to_the_byte() {
    // As it may come over the wire: key order, spaces and escapes are the server's.
    let raw = r#" {"id": "chatcmpl-1",  "object":"chat.completion","model":"tiny-2026-01-31","choices":[{"index":0,
        "message":{"role":"assistant","content":"\u00fc \"said\"\n","refusal":null,"annotations":[]},
        "logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,
        "prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},
        "completion_tokens_details":{"reasoning_tokens":3}},"service_tier":"default"}
"#;
    let response = answered(answer("200 OK", "x-request-id: req_7\r\n", raw)).await;
    assert_eq!(
        response,
        LlmResponse {
            model: Some("tiny-2026-01-31".into()),
            content: Some("ü \"said\"\n".into()),
            refusal: None,
            finish_reason: Some("stop".into()),
            usage: Usage {
                input_tokens: Some(12),
                cached_tokens: Some(8),
                cache_write_tokens: None,
                output_tokens: Some(5),
                reasoning_tokens: Some(3),
                ..Usage::default()
            },
            raw: raw.into(),
            http_status: Some(200),
            provider_request_id: Some("req_7".into()),
            ..LlmResponse::default()
        }
    );
    assert_eq!(response.accepted().unwrap(), "ü \"said\"\n");
}

#[tokio::test]
async fn an_answer_of_the_least_that_servers_give_is_read() {
    let response = answered(completion(&json!({ "message": { "content": "yes" } }))).await;
    let expected = LlmResponse {
        content: Some("yes".into()),
        http_status: Some(200),
        raw: response.raw.clone(),
        ..LlmResponse::default()
    };
    assert_eq!(response, expected);
    assert_eq!(response.accepted_unless_cut().unwrap(), "yes");
    assert_eq!(
        response.accepted().unwrap_err().kind(),
        LlmErrorKind::Transient,
        "the end of a text is not known"
    );
}

#[tokio::test]
async fn an_answer_is_not_lost_to_a_field_of_another_form() {
    let body = json!({
        "id": 17,
        "model": null,
        "choices": [
            { "index": "0", "finish_reason": "eos", "message": { "content": "yes", "refusal": "", "tool_calls": {} } },
            "another",
        ],
        "usage": { "prompt_tokens": 3.5, "completion_tokens": -1, "prompt_tokens_details": [], "total_tokens": null },
        "timings": null,
    });
    let response = answered(json("200 OK", &body)).await;
    assert_eq!(response.accepted().unwrap(), "yes");
    assert_eq!(response.finish_reason.as_deref(), Some("eos"));
    assert_eq!((response.model, response.refusal), (None, None));
    assert_eq!(response.usage, Usage::default());
}

#[tokio::test]
async fn reasoning_is_a_part_of_the_output_also_where_a_provider_counts_it_apart() {
    let cases = [
        // OpenAI's form, and what is written into a cache.
        (
            json!({ "prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16,
                 "prompt_tokens_details": { "cached_tokens": 2, "cache_write_tokens": 3 },
                 "completion_tokens_details": { "reasoning_tokens": 5 } }),
            7,
        ),
        // xAI's.
        (
            json!({ "prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
                 "completion_tokens_details": { "reasoning_tokens": 94 } }),
            103,
        ),
        // Google's, which does not say what the rest is.
        (
            json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40 }),
            30,
        ),
        // Something else is in the total.
        (
            json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40,
                 "completion_tokens_details": { "reasoning_tokens": 4 } }),
            5,
        ),
        (
            json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 3 }),
            5,
        ),
        (json!({ "completion_tokens": 5, "total_tokens": 30 }), 5),
    ];
    for (usage, output) in cases {
        let body = json!({ "choices": [{ "message": { "content": "x" } }], "usage": usage });
        let read = answered(json("200 OK", &body)).await.usage;
        assert_eq!(read.output_tokens, Some(output), "{usage}");
        let written = usage["prompt_tokens_details"]["cache_write_tokens"].as_u64();
        assert_eq!(read.cache_write_tokens, written);
    }
}

#[tokio::test]
async fn the_parts_of_an_answer_are_put_together_without_its_thoughts() {
    let parts = json!([
        { "type": "thinking", "thinking": [{ "type": "text", "text": "hmm" }] },
        { "type": "text", "text": "one " },
        { "type": "text", "text": "two" },
    ]);
    let response = answered(completion(&json!({ "message": { "content": parts } }))).await;
    assert_eq!(response.content.as_deref(), Some("one two"));
}

/// Why the text of this choice may not be used.
async fn unusable(choice: Value) -> LlmError {
    answered(completion(&choice)).await.accepted().unwrap_err()
}

#[tokio::test]
async fn an_answer_cut_at_the_limit_keeps_what_came() {
    let error =
        unusable(json!({ "message": { "content": "half of" }, "finish_reason": "length" })).await;
    assert_eq!(
        (error.kind(), error.partial()),
        (LlmErrorKind::Truncated, Some("half of"))
    );
    assert_eq!(
        error.to_string(),
        "the answer was cut at the output limit after 7 characters; raise `max_output_tokens`"
    );
    // A reasoning model may spend all of it before the first word.
    let error =
        unusable(json!({ "message": { "content": null }, "finish_reason": "length" })).await;
    assert_eq!(
        (error.kind(), error.partial()),
        (LlmErrorKind::Truncated, Some(""))
    );
}

#[tokio::test]
async fn a_filtered_answer_is_not_used() {
    let error =
        unusable(json!({ "message": { "content": "half" }, "finish_reason": "content_filter" }))
            .await;
    assert_eq!(
        (error.kind(), error.partial()),
        (LlmErrorKind::ContentFiltered, Some("half"))
    );
}

#[tokio::test]
async fn a_refusal_is_told_in_one_line() {
    let message = json!({ "content": null, "refusal": "I'm sorry.\n\nI can't." });
    let error = unusable(json!({ "message": message, "finish_reason": "stop" })).await;
    assert_eq!(error.kind(), LlmErrorKind::Refused);
    assert_eq!(error.to_string(), "the model refused: I'm sorry. I can't.");
}

#[tokio::test]
async fn an_answer_that_the_server_did_not_finish_is_not_used() {
    for reason in ["abort", "error", "insufficient_system_resource"] {
        let error =
            unusable(json!({ "message": { "content": "half" }, "finish_reason": reason })).await;
        assert_eq!(
            (error.kind(), error.partial()),
            (LlmErrorKind::Transient, Some("half"))
        );
        assert_eq!(
            error.to_string(),
            format!("the provider broke off the answer (`{reason}`)")
        );
    }
}

#[tokio::test]
async fn an_answer_without_text_is_invalid() {
    for message in [
        json!({ "content": null }),
        json!({}),
        json!({ "content": [] }),
        json!({ "content": 5 }),
    ] {
        let error = unusable(json!({ "message": message, "finish_reason": "stop" })).await;
        assert_eq!(error.kind(), LlmErrorKind::InvalidOutput);
    }
}
