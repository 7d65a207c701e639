//! Limits of a model: how many requests are under way, and in a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use flow_engine::llm::{Limit, MockBackend, OpenAiBackend};
use flow_engine::prelude::*;
use serde_json::json;
use tokio::net::TcpListener;

use crate::policy::{ask_plainly, policy, start};

#[flow]
async fn asks_often(count: u32) -> Result<usize> {
    let texts = (0..count).map(|number| number.to_string());
    let answers = flow_engine::map(texts, 500, ask_plainly).await?;
    Ok(answers.len())
}

/// What a server has seen.
#[derive(Default)]
struct Seen {
    all: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Answers a chat completion, or in three cases of ten that it is too much.
async fn moody(State(seen): State<Arc<Seen>>) -> Response {
    let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2)).await;
    seen.now.fetch_sub(1, Ordering::SeqCst);
    // No two neighbours share their fate, and no step meets a fixed one.
    if seen.all.fetch_add(1, Ordering::SeqCst) * 7 % 10 < 3 {
        let wait = [("retry-after-ms", "5")];
        return (StatusCode::TOO_MANY_REQUESTS, wait, "too many").into_response();
    }
    let message = json!({ "role": "assistant", "content": "fine" });
    Json(json!({ "choices": [{ "message": message, "finish_reason": "stop" }] })).into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_steps_pass_a_narrow_gate_to_a_moody_server() {
    let seen = Arc::new(Seen::default());
    let routes = Router::new().route("/v1/chat/completions", post(moody));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = axum::serve(listener, routes.with_state(Arc::clone(&seen)));
    let server = tokio::spawn(server.into_future());

    let backend = OpenAiBackend::new(&url, "").unwrap();
    let builder = Engine::builder()
        .policy(policy().retries(0))
        .backend(backend);
    let (engine, _folder) = start(builder.limit("big", Limit::default().concurrency(8))).await;
    let done = engine.execute(asks_often(2000)).await.unwrap();
    server.abort();

    assert_eq!(done.output_content, 2000);
    let (all, most) = (
        seen.all.load(Ordering::SeqCst),
        seen.most.load(Ordering::SeqCst),
    );
    assert_eq!(most, 8, "the gate is passed by as many as may, and no more");
    let rows = engine.requests_of(done.run_id).await.unwrap();
    assert_eq!(
        rows.len(),
        all,
        "each request that the server saw has its row"
    );
    let limited = rows
        .iter()
        .filter(|row| row.http_status == Some(429))
        .count();
    assert_eq!(rows.len() - limited, 2000);
    assert!(limited > 500, "only {limited} were refused");
}

#[tokio::test]
async fn requests_over_a_limit_wait_for_their_time() {
    let mock = MockBackend::new().answer("ask_plainly", "fine");
    let limit = Limit::default().requests_per_minute(600);
    let builder = Engine::builder().policy(policy()).backend(mock.clone());
    let (engine, _folder) = start(builder.limit("big", limit)).await;
    let begin = Instant::now();
    engine.execute(asks_often(4)).await.unwrap();
    // The first goes at once, and the others a tenth of a second apart.
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_eq!(mock.requests().len(), 4);
}
