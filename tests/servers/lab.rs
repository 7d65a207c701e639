//! An engine before a server, the steps that ask it, and what a call leaves behind.

use std::time::Duration;

use flow_engine::llm::{LlmBackend, LlmError, LlmErrorKind, OpenAiBackend};
use flow_engine::prelude::*;
use flow_engine::{
    Delta, ErrorKind, Image, LlmRequest, Policy, RequestStatus, RunStatus, Step, StepStatus,
};
use futures::StreamExt as _;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const KEY: &str = "sk-test-0123456789-abcdefghijklmnop";

/// How long a step waits for a server that asks to slow down.
const RATE_LIMIT_WAIT: Duration = Duration::from_millis(2500);

/// Asks once.
#[step(prompt = "./prompts/text.md")]
pub(crate) async fn say(text: String) -> String;

/// Asks three times at most.
#[step(prompt = "./prompts/text.md", retries = 2)]
pub(crate) async fn insist(text: String) -> String;

/// Asks four times at most.
#[step(prompt = "./prompts/text.md", retries = 3)]
pub(crate) async fn persist(text: String) -> String;

/// Does not wait long, however often it may ask.
#[step(prompt = "./prompts/text.md", retries = 2, timeout = "2s")]
pub(crate) async fn hurry(text: String) -> String;

/// A judgement of a text.
#[data]
#[derive(PartialEq)]
pub(crate) struct Rating {
    /// One to five
    #[check(range(min = 1, max = 5))]
    pub(crate) stars: u8,
    /// Why so many
    pub(crate) reason: String,
}

#[step(prompt = "./prompts/text.md", retries = 2)]
pub(crate) async fn rate(text: String) -> Rating;

/// May ask a second time.
#[step(prompt = "./prompts/text.md", retries = 1)]
pub(crate) async fn recite(text: String) -> String;

/// Is told of an answer that does not fit, once.
#[step(prompt = "./prompts/text.md", on_invalid = 1)]
pub(crate) async fn rate_again(text: String) -> Rating;

/// Asks for more of an answer that was cut, once.
#[step(
    prompt = "./prompts/text.md",
    on_truncate = "grow",
    max_output_tokens = 50
)]
pub(crate) async fn say_more(text: String) -> String;

/// Has another model to ask.
#[step(prompt = "./prompts/text.md", fallback = "other-model")]
pub(crate) async fn ask_around(text: String) -> String;

/// Asks for an image, once.
#[step(kind = "image", size = "256x256")]
pub(crate) async fn draw(prompt: String) -> Image;

/// An engine on a database of its own.
pub(crate) struct Lab {
    engine: Engine,
    _folder: TempDir,
}

/// What a call returned, and what is recorded of it.
pub(crate) struct Outcome<T> {
    pub(crate) result: Result<T, flow_engine::Error>,
    pub(crate) requests: Vec<LlmRequest>,
    /// How many of them may have cost something that nobody knows.
    pub(crate) unpriced: i64,
}

impl Lab {
    pub(crate) async fn at(base_url: &str) -> Self {
        Self::with(OpenAiBackend::new(base_url, KEY).unwrap()).await
    }

    /// Before a server that must answer in time.
    pub(crate) async fn hasty(base_url: &str, timeout: Duration) -> Self {
        let backend = OpenAiBackend::new(base_url, KEY).unwrap();
        Self::with(backend.with_timeout(timeout)).await
    }

    pub(crate) async fn with(backend: impl LlmBackend) -> Self {
        Self::asking("test-model", backend).await
    }

    pub(crate) async fn asking(model: &str, backend: impl LlmBackend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let policy = Policy::once().rate_limit_wait(RATE_LIMIT_WAIT);
        let builder = Engine::builder().policy(policy).backend(backend);
        let builder = builder.model(model);
        Self {
            engine: builder.database_url(url).build().await.unwrap(),
            _folder: folder,
        }
    }

    pub(crate) async fn artifact(&self, image: &Image) -> Vec<u8> {
        self.engine.artifact(image).await.unwrap()
    }

    /// Calls a step, and holds what must be so however it ends: one step whose requests have ended and which tells the
    /// truth about the last of them.
    pub(crate) async fn call<C: Step>(&self, call: C) -> Outcome<C::Output> {
        let request = self.engine.run(call);
        let id = request.id();
        let result = request.execute().await.map(|done| done.output_content);
        self.held(id, result).await
    }

    /// The same for a step whose answer comes in pieces, and these.
    pub(crate) async fn stream<S: Step>(&self, call: S) -> (Vec<Delta>, Outcome<S::Output>) {
        let request = self.engine.run(call);
        let id = request.id();
        let mut stream = request.stream();
        let mut deltas = Vec::new();
        while let Some(delta) = stream.next().await {
            deltas.push(delta);
        }
        let result = stream.finish().await.map(|done| done.output_content);
        (deltas, self.held(id, result).await)
    }

    /// Drops a step's stream after so many pieces: the rows of its requests, in short.
    pub(crate) async fn cancelled_after<S: Step>(&self, call: S, pieces: usize) -> Vec<String> {
        let request = self.engine.run(call);
        let id = request.id();
        let mut stream = request.stream();
        for _ in 0..pieces {
            stream.next().await.unwrap();
        }
        drop(stream);
        self.engine.close().await;
        let requests = self.engine.requests_of(id).await.unwrap();
        requests.iter().map(short).collect()
    }

    async fn held<T>(&self, id: Uuid, result: Result<T, flow_engine::Error>) -> Outcome<T> {
        let run = self.engine.find_run(id).await.unwrap().unwrap();
        let steps = self.engine.steps_of(id).await.unwrap();
        let requests = self.engine.requests_of(id).await.unwrap();
        assert_eq!(steps.len(), 1);
        let step = &steps[0];
        let (run_status, step_status) = match &result {
            Ok(_) => (RunStatus::Completed, StepStatus::Completed),
            Err(_) => (RunStatus::Failed, StepStatus::Failed),
        };
        assert_eq!((run.status, step.status), (run_status, step_status));
        for request in &requests {
            assert_eq!(request.step_run_id, Some(step.id));
            assert_ne!(request.status, RequestStatus::Sent);
            assert!(request.completed_at.is_some() && request.latency_ms.is_some());
            assert_eq!(
                request.error_kind.is_some(),
                request.status == RequestStatus::Failed
            );
            let recorded = serde_json::to_string(request).unwrap();
            assert!(!recorded.contains(KEY), "{recorded}");
        }
        assert_eq!(step.llm_request_id, requests.last().map(|last| last.id));
        Outcome {
            result,
            requests,
            unpriced: run.unpriced_requests,
        }
    }
}

impl<T: std::fmt::Debug> Outcome<T> {
    /// The rows in the order of the attempts, each in short: `failed rate_limited 429`, `succeeded - 200`.
    pub(crate) fn rows(&self) -> Vec<String> {
        self.requests.iter().map(short).collect()
    }

    pub(crate) fn value(&self) -> &T {
        self.result.as_ref().unwrap()
    }

    /// The error of the last request, found to be of this kind and the same as in its row.
    pub(crate) fn llm_error(&self, kind: LlmErrorKind) -> &LlmError {
        let error = self.result.as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Llm, "{error:#}");
        let error = error.llm().unwrap();
        let last = self.requests.last().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(last.error_kind.as_deref(), Some(kind.as_str()));
        assert_eq!(last.error_message, Some(error.to_string()));
        // What is wrong with an answer that was received has no status of its own; the row has the answer's.
        if let Some(status) = error.http_status() {
            assert_eq!(last.http_status, Some(status.into()));
        }
        error
    }
}

/// A request's question, as both servers keep it.
pub(crate) fn question(request: &Value) -> &str {
    request["body"]["messages"][0]["content"]
        .as_str()
        .unwrap()
        .trim()
}

fn short(request: &LlmRequest) -> String {
    let kind = request.error_kind.as_deref().unwrap_or("-");
    let status = request
        .http_status
        .map_or("-".to_owned(), |status| status.to_string());
    format!("{} {kind} {status}", request.status)
}
