//! What is asked, and how a recorded answer is read. What goes over the wire is in the project's `tests/servers`.

use serde_json::json;

use super::answer::recorded;
use super::question::asked;
use super::*;
use crate::attachment::Attachment;
use crate::llm::{Attached, LlmErrorKind, Message, OutputFormat, Parameters, ReasoningEffort};

fn request(parameters: Parameters) -> LlmRequest {
    LlmRequest {
        step: "summarize".into(),
        model: "claude-sonnet-4-5".into(),
        messages: vec![Message::system("Be brief."), Message::user("Say it.")],
        parameters,
        format: OutputFormat::Text,
        streams: false,
        web_search: None,
        secrets: std::sync::Arc::default(),
    }
}

fn plain() -> LlmRequest {
    request(Parameters::default())
}

/// Why a request is refused before it is sent.
fn refusal(native: Native, request: &LlmRequest) -> String {
    let error = asked(native, request).unwrap_err();
    assert_eq!(error.kind(), LlmErrorKind::InvalidRequest);
    error.to_string()
}

#[test]
fn all_parameters_are_sent() {
    let parameters = Parameters {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_output_tokens: Some(100),
        seed: Some(7),
        stop: Some(vec!["END".into()]),
        reasoning_effort: Some(ReasoningEffort::High),
        ..Parameters::default()
    };
    let (chat, options) = asked(Native::Gemini, &request(parameters)).unwrap();
    assert_eq!(chat.messages.len(), 2);
    assert_eq!(
        serde_json::to_value(options).unwrap(),
        json!({
            "temperature": 0.5,
            "top_p": 0.9,
            "max_tokens": 100,
            "seed": 7,
            "stop_sequences": ["END"],
            "reasoning_effort": "High",
            "capture_raw_body": true,
        })
    );
}

#[test]
fn what_would_be_left_out_in_silence_is_refused() {
    let mut parameters = Parameters {
        seed: Some(7),
        ..Parameters::default()
    };
    assert!(refusal(Native::Anthropic, &request(parameters.clone())).contains("no `seed`"));
    parameters.seed = Some(-7);
    assert!(refusal(Native::Gemini, &request(parameters)).contains("below 0"));

    let mut thoughtful = request(Parameters {
        reasoning_effort: Some(ReasoningEffort::None),
        ..Parameters::default()
    });
    thoughtful.model = "gemini-3-pro".into();
    assert!(refusal(Native::Gemini, &thoughtful).contains("not to reason"));
    thoughtful.model = "gemini-2.5-flash".into();
    assert!(asked(Native::Gemini, &thoughtful).is_ok());

    for model in ["claude-sonnet-4-5-high", "openai::gpt-5"] {
        let mut other = plain();
        other.model = model.into();
        assert!(refusal(Native::Anthropic, &other).contains(model));
    }
}

#[test]
fn attachments_are_sent_where_they_arrive_and_refused_where_they_do_not() {
    let with = |role: fn(&'static str) -> Message, attachment: &Attachment| {
        let mut shown = plain();
        let mut message = role("Look at .");
        message.attachments = vec![Attached {
            at: 8,
            attachment: attachment.clone(),
        }];
        shown.messages = vec![message];
        shown
    };
    let bytes = Attachment::bytes("image/png", [1]);
    let url = Attachment::url("image/png", "https://example.com/cat.png");
    for native in [Native::Anthropic, Native::Gemini] {
        let (chat, _) = asked(native, &with(Message::user, &bytes)).unwrap();
        let said = serde_json::to_string(&chat.messages).unwrap();
        assert!(
            said.contains("\"AQ==\"") && said.contains("image/png"),
            "{said}"
        );
        let others = refusal(native, &with(Message::assistant, &bytes));
        assert!(others.contains("from users only"), "{others}");
    }
    assert!(asked(Native::Gemini, &with(Message::user, &url)).is_ok());
    let by_url = refusal(Native::Anthropic, &with(Message::user, &url));
    assert!(by_url.contains("give the bytes"), "{by_url}");
}

#[test]
fn a_schema_of_open_objects_is_said_in_words_to_anthropic() {
    let mut open = plain();
    open.format = OutputFormat::JsonSchema {
        name: "Scores".into(),
        schema: json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
        strict: false,
    };
    let (chat, options) = asked(Native::Anthropic, &open).unwrap();
    assert!(options.response_format.is_none());
    let said = serde_json::to_string(&chat.messages).unwrap();
    assert!(said.contains("additionalProperties"), "{said}");
    let (_, options) = asked(Native::Gemini, &open).unwrap();
    assert!(options.response_format.is_some());
}

#[test]
fn a_recorded_answer_is_its_text_and_its_end() {
    let anthropic = json!({
        "content": [
            { "type": "thinking", "thinking": "hm", "signature": "s" },
            { "type": "text", "text": "Do" },
            { "type": "text", "text": "ne." },
        ],
        "stop_reason": "end_turn",
    });
    let answer = recorded(Native::Anthropic, &anthropic.to_string()).unwrap();
    assert_eq!(answer.accepted().unwrap(), "Done.");
    let gemini = json!({ "candidates": [{
        "content": { "parts": [{ "text": "hm", "thought": true }, { "text": "Done." }] },
        "finishReason": "STOP",
    }] });
    let answer = recorded(Native::Gemini, &gemini.to_string()).unwrap();
    assert_eq!(answer.accepted().unwrap(), "Done.");
    assert!(answer.ended_normally());
    assert!(recorded(Native::Gemini, &anthropic.to_string()).is_err());
}

#[test]
fn ends_that_are_none_are_known() {
    for (native, reason, kind) in [
        (Native::Anthropic, "max_tokens", LlmErrorKind::Truncated),
        (
            Native::Anthropic,
            "model_context_window_exceeded",
            LlmErrorKind::Truncated,
        ),
        (Native::Anthropic, "refusal", LlmErrorKind::Refused),
        (Native::Gemini, "MAX_TOKENS", LlmErrorKind::Truncated),
        (Native::Gemini, "SAFETY", LlmErrorKind::ContentFiltered),
        (Native::Gemini, "RECITATION", LlmErrorKind::ContentFiltered),
    ] {
        let raw = json!({
            "content": [{ "type": "text", "text": "half" }],
            "stop_reason": reason,
            "candidates": [{ "content": { "parts": [{ "text": "half" }] }, "finishReason": reason }],
        });
        let answer = recorded(native, &raw.to_string()).unwrap();
        assert_eq!(answer.accepted().unwrap_err().kind(), kind, "{reason}");
    }
}

#[test]
fn the_key_is_not_shown_and_must_be_one() {
    let backend = GenAiBackend::anthropic(" sk-ant-0123456789 ").unwrap();
    assert!(!format!("{backend:?}").contains("0123456789"));
    let there = GenAiBackend::anthropic("sk-ant-0123456789").unwrap();
    let there = there.with_address("http://gate:pass-word@127.0.0.1:80/v1");
    let shown = format!("{:?}", there.unwrap());
    assert!(
        shown.contains("127.0.0.1") && !shown.contains("pass-word"),
        "{shown}"
    );
    assert_eq!(backend.provider(), "anthropic");
    assert!(GenAiBackend::gemini("").is_err());
    assert!(GenAiBackend::gemini("two words").is_err());
    assert!(backend.with_address("127.0.0.1:80").is_err());
}
