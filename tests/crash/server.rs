//! A model behind HTTP that answers by the question alone, and keeps who asked what.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use flow_engine::json;
use serde_json::Value;
use tokio::net::TcpListener;

/// How often each question was asked.
pub(crate) type Counts = BTreeMap<String, usize>;

/// One process: its story, and which of its lives it is.
type Life = (usize, usize);

#[derive(Debug, Clone)]
pub(crate) struct Server {
    address: String,
    asked: Arc<Mutex<BTreeMap<Life, Counts>>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            asked: Arc::default(),
        };
        let router = Router::new()
            .route("/{story}/{life}/chat/completions", post(complete))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// What one life of a program takes for its model.
    pub(crate) fn base_url(&self, story: usize, life: usize) -> String {
        format!("http://{}/{story}/{life}", self.address)
    }

    /// What one life of a program has asked.
    pub(crate) fn asked(&self, story: usize, life: usize) -> Counts {
        let asked = self.asked.lock().unwrap();
        asked.get(&(story, life)).cloned().unwrap_or_default()
    }
}

/// The question of a request's body.
pub(crate) fn question(body: &Value) -> String {
    let last = body["messages"].as_array().and_then(|all| all.last());
    let content = last.and_then(|message| message["content"].as_str());
    content.expect("a message").trim().to_owned()
}

async fn complete(
    State(server): State<Server>,
    Path((story, life)): Path<Life>,
    Json(body): Json<Value>,
) -> Response {
    let question = question(&body);
    {
        let mut asked = server.asked.lock().unwrap();
        let counts = asked.entry((story, life)).or_default();
        *counts.entry(question.clone()).or_default() += 1;
    }
    let hash = {
        let mut hasher = DefaultHasher::new();
        question.hash(&mut hasher);
        hasher.finish()
    };
    if question.starts_with("never") {
        std::future::pending::<()>().await;
    }
    // So that answers overtake each other.
    tokio::time::sleep(Duration::from_millis(2 + hash % 5)).await;
    if question == "refused" || (question == "refused at first" && life == 0) {
        let error = json!({ "error": { "message": "not to be answered" } });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let answer = if body.get("response_format").is_some() {
        json!({ "score": hash % 10 }).to_string()
    } else {
        format!("{:04x}", hash % 0x1_0000)
    };
    Json(json!({
        "model": "test-model",
        "choices": [{
            "index": 0,
            "finish_reason": "stop",
            "message": { "role": "assistant", "content": answer },
        }],
        "usage": { "prompt_tokens": question.len(), "completion_tokens": answer.len() },
    }))
    .into_response()
}
