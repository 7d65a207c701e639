//! Anthropic and Google, in their own interfaces.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::{Json, Router};
use flow_engine::llm::{GenAiBackend, LlmErrorKind};
use flow_engine::prelude::*;
use serde_json::{Value, json};

use crate::aimock::Aimock;
use crate::lab::{KEY, Lab, Rating, insist, rate, say};

#[step(
    prompt = "./prompts/text.md",
    temperature = 0.5,
    top_p = 0.9,
    max_output_tokens = 2000,
    reasoning_effort = "low"
)]
async fn rate_carefully(text: String) -> Rating;

pub(crate) const CLAUDE: &str = "claude-sonnet-4-5";
pub(crate) const GEMINI: &str = "gemini-2.5-flash";

pub(crate) fn anthropic(server: &Aimock, key: &str) -> GenAiBackend {
    let backend = GenAiBackend::anthropic(key).unwrap();
    backend.with_address(&server.base_url()).unwrap()
}

pub(crate) fn gemini(server: &Aimock, key: &str) -> GenAiBackend {
    let backend = GenAiBackend::gemini(key).unwrap();
    let address = server.base_url().replace("/v1", "/v1beta");
    backend.with_address(&address).unwrap()
}

fn says(content: &str) -> Value {
    let usage = json!({ "input_tokens": 1000, "output_tokens": 100, "promptTokenCount": 1000, "candidatesTokenCount": 100 });
    json!({ "response": { "content": content, "usage": usage } })
}

#[tokio::test]
async fn an_answer_of_anthropic_is_recorded_with_its_cost() {
    let server = Aimock::locked(&[says("Hello.")], KEY).await;
    let lab = Lab::asking(CLAUDE, anthropic(&server, KEY)).await;
    let outcome = lab.call(say("hi")).await;
    assert_eq!(outcome.value(), "Hello.");
    let row = &outcome.requests[0];
    assert_eq!((&*row.provider, &*row.model), ("anthropic", CLAUDE));
    assert_eq!(row.model_served.as_deref(), Some(CLAUDE));
    assert_eq!(row.finish_reason.as_deref(), Some("end_turn"));
    assert_eq!(
        (row.input_tokens, row.output_tokens),
        (Some(1000), Some(100))
    );
    // 3 and 15 US dollars per million.
    assert_eq!(row.cost_nano_usd, Some(4_500_000));
    assert_eq!(outcome.unpriced, 0);
    let raw: Value = serde_json::from_str(row.response.as_deref().unwrap()).unwrap();
    assert_eq!(raw["content"][0]["text"], "Hello.");
    assert_eq!(row.provider_request_id.as_deref(), raw["id"].as_str());
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn an_answer_of_google_is_recorded_with_its_cost() {
    let server = Aimock::locked(&[says("Hello.")], KEY).await;
    let lab = Lab::asking(GEMINI, gemini(&server, KEY)).await;
    let outcome = lab.call(say("hi")).await;
    assert_eq!(outcome.value(), "Hello.");
    let row = &outcome.requests[0];
    assert_eq!((&*row.provider, &*row.model), ("gemini", GEMINI));
    assert_eq!(row.finish_reason.as_deref(), Some("STOP"));
    assert_eq!(
        (row.input_tokens, row.output_tokens),
        (Some(1000), Some(100))
    );
    // 0.3 and 2.5 US dollars per million.
    assert_eq!(row.cost_nano_usd, Some(550_000));
}

#[tokio::test]
async fn anthropic_and_google_are_asked_for_json_by_its_schema() {
    let rating = json!({ "stars": 4, "reason": "Good." });
    let answer = says(&rating.to_string());
    for native in [anthropic, gemini] {
        let server = Aimock::locked(std::slice::from_ref(&answer), KEY).await;
        let backend = native(&server, KEY);
        let model = if format!("{backend:?}").contains("gemini") {
            GEMINI
        } else {
            CLAUDE
        };
        let outcome = Lab::asking(model, backend).await.call(rate("so?")).await;
        let expected: Rating = serde_json::from_value(rating.clone()).unwrap();
        assert_eq!(*outcome.value(), expected);
        assert_eq!(outcome.rows(), ["succeeded - -"]);
        assert_eq!(server.requests().await.len(), 1);
    }
}

#[tokio::test]
async fn anthropic_s_wish_to_be_asked_later_is_obeyed() {
    let limited = json!({ "response": { "error": { "message": "slow down" }, "status": 429, "retryAfter": 1 } });
    for (native, model) in [
        (anthropic as fn(&Aimock, &str) -> GenAiBackend, CLAUDE),
        (gemini, GEMINI),
    ] {
        let server = Aimock::locked(&[limited.clone(), says("Now.")], KEY).await;
        let begin = std::time::Instant::now();
        let lab = Lab::asking(model, native(&server, KEY)).await;
        let outcome = lab.call(insist("when?")).await;
        assert_eq!(outcome.value(), "Now.");
        assert!(begin.elapsed() >= Duration::from_secs(1));
        assert_eq!(outcome.rows(), ["failed rate_limited 429", "succeeded - -"]);
        assert_eq!(
            server.requests().await.len(),
            2,
            "nothing is sent in secret"
        );
    }
}

#[tokio::test]
async fn a_key_that_anthropic_does_not_know_is_final_and_written_nowhere() {
    let server = Aimock::locked(&[says("Welcome.")], KEY).await;
    let wrong = "sk-wrong-0123456789-abcdefghijklmno";
    for (backend, model) in [
        (anthropic(&server, wrong), CLAUDE),
        (gemini(&server, wrong), GEMINI),
    ] {
        let outcome = Lab::asking(model, backend)
            .await
            .call(insist("hello"))
            .await;
        let error = outcome.llm_error(LlmErrorKind::Authentication);
        assert_eq!(outcome.rows(), ["failed authentication 401"]);
        let recorded = serde_json::to_string(&outcome.requests).unwrap();
        assert!(!recorded.contains(wrong) && !format!("{error:?}").contains(wrong));
    }
    assert_eq!(server.requests().await.len(), 0);
}

#[tokio::test]
async fn anthropic_s_faults_are_told_apart() {
    let cut = json!({ "response": { "content": "half", "finishReason": "length" } });
    let overloaded = json!({ "response": { "error": { "message": "overloaded" }, "status": 529 } });
    let unknown = json!({ "response": { "error": { "message": "no such model" }, "status": 404 } });
    let broken = json!({ "response": { "content": "x" }, "chaos": { "malformedRate": 1 } });
    let gone = json!({ "response": { "content": "x" }, "chaos": { "disconnectRate": 1 } });
    for (answer, kind, row) in [
        (cut, LlmErrorKind::Truncated, "failed truncated -"),
        (overloaded, LlmErrorKind::Transient, "failed transient 529"),
        (
            unknown,
            LlmErrorKind::InvalidRequest,
            "failed invalid_request 404",
        ),
        (broken, LlmErrorKind::Transient, "failed transient 200"),
        (gone, LlmErrorKind::Transient, "failed transient -"),
    ] {
        let server = Aimock::locked(&[answer], KEY).await;
        let lab = Lab::asking(CLAUDE, anthropic(&server, KEY)).await;
        let outcome = lab.call(say("so?")).await;
        outcome.llm_error(kind);
        assert_eq!(outcome.rows(), [row]);
    }
}

#[tokio::test]
async fn anthropic_has_only_so_much_time() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let backend = GenAiBackend::anthropic(KEY).unwrap();
    let backend = backend.with_address(&address).unwrap();
    let hasty = backend.with_timeout(Duration::from_millis(200));
    let outcome = Lab::asking(CLAUDE, hasty).await.call(say("hi")).await;
    outcome.llm_error(LlmErrorKind::Timeout);
    assert_eq!(outcome.rows(), ["failed timeout -"]);
}

/// Where requests went, with which key, and what was in them.
type Seen = std::sync::Arc<std::sync::Mutex<Vec<(String, String, Value)>>>;

/// Answers in both forms at once.
async fn see(State(seen): State<Seen>, request: Request) -> Json<Value> {
    let (head, body) = request.into_parts();
    let key = ["x-api-key", "x-goog-api-key"]
        .into_iter()
        .find_map(|name| head.headers.get(name));
    let key = key.map_or("", |key| key.to_str().unwrap()).to_owned();
    let body = axum::body::to_bytes(body, 100_000).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    seen.lock().unwrap().push((head.uri.to_string(), key, body));
    let text = json!({ "stars": 4, "reason": "Good." }).to_string();
    Json(json!({
        "content": [{ "type": "text", "text": text }],
        "stop_reason": "end_turn",
        "candidates": [{ "content": { "parts": [{ "text": text }] }, "finishReason": "STOP" }],
    }))
}

#[tokio::test]
async fn anthropic_and_google_are_sent_all_that_a_step_says() {
    let seen = Seen::default();
    let routes = Router::new().fallback(see).with_state(Seen::clone(&seen));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(axum::serve(listener, routes).into_future());
    for (backend, model) in [
        (GenAiBackend::anthropic(KEY).unwrap(), CLAUDE),
        (GenAiBackend::gemini(KEY).unwrap(), GEMINI),
    ] {
        let backend = backend.with_address(&address).unwrap();
        let lab = Lab::asking(model, backend).await;
        let outcome = lab.call(rate_carefully("so?")).await;
        assert_eq!(outcome.value().stars, 4);
        assert_eq!(
            outcome.requests[0].input_tokens, None,
            "nothing was counted"
        );
        assert_eq!(outcome.unpriced, 1);
    }
    server.abort();

    let seen = seen.lock().unwrap();
    let [(to_anthropic, key, claude), (to_google, other_key, gemini)] = &**seen else {
        panic!("each is asked once");
    };
    assert_eq!((&**key, &**other_key), (KEY, KEY));
    assert_eq!(to_anthropic, "/v1/messages");
    assert_eq!(claude["model"], CLAUDE);
    assert_eq!(claude["messages"][0]["role"], "user");
    assert_eq!(
        (&claude["temperature"], &claude["top_p"]),
        (&json!(0.5), &json!(0.9))
    );
    assert_eq!(claude["max_tokens"], 2000);
    assert_eq!(claude["thinking"]["type"], "enabled");
    let format = &claude["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["schema"]["required"], json!(["stars", "reason"]));

    assert_eq!(to_google, &format!("/v1/models/{GEMINI}:generateContent"));
    let config = &gemini["generationConfig"];
    assert_eq!(
        (&config["temperature"], &config["topP"]),
        (&json!(0.5), &json!(0.9))
    );
    assert_eq!(config["maxOutputTokens"], 2000);
    assert!(config["thinkingConfig"]["thinkingBudget"].is_u64());
    assert_eq!(config["responseMimeType"], "application/json");
    let required = &config["responseJsonSchema"]["required"];
    assert_eq!(*required, json!(["stars", "reason"]));
}
