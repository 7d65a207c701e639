//! A fresh engine for each test, and steps that several tests use.

use std::ops::Deref;

use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{EngineBuilder, FlowRun, FlowStepRun, RunFilter, RunStatus};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

/// An engine on a database of its own, which is gone with it.
pub(crate) struct TestEngine {
    engine: Engine,
    _folder: TempDir,
}

impl Deref for TestEngine {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// What `#[state]` parameters of the tests ask for.
#[derive(Clone)]
pub(crate) struct Greeting(pub(crate) &'static str);

/// An engine on a database in a folder of its own.
pub(crate) async fn start(builder: EngineBuilder) -> (Engine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    (builder.database_url(url).build().await.unwrap(), folder)
}

pub(crate) async fn engine_with(mock: MockBackend) -> TestEngine {
    let builder = Engine::builder()
        .policy(flow_engine::Policy::once())
        .backend(mock)
        .model("test-model")
        .state(Greeting("hello"));
    let (engine, folder) = start(builder).await;
    TestEngine {
        engine,
        _folder: folder,
    }
}

pub(crate) async fn engine() -> TestEngine {
    engine_with(mock()).await
}

/// Answers to the steps below.
pub(crate) fn mock() -> MockBackend {
    MockBackend::new()
        .answer("draft", "one two three")
        .answer("rate", json!({ "stars": 4, "reason": "it is short" }))
}

impl TestEngine {
    pub(crate) async fn row(&self, id: Uuid) -> FlowRun {
        self.find_run(id).await.unwrap().expect("the run has a row")
    }

    pub(crate) async fn steps(&self, id: Uuid) -> Vec<FlowStepRun> {
        self.steps_of(id).await.unwrap()
    }

    /// That no row of any table is left open.
    pub(crate) async fn assert_nothing_runs(&self) {
        for status in [RunStatus::Pending, RunStatus::Running] {
            let open = RunFilter {
                status: Some(status),
                ..RunFilter::default()
            };
            assert_eq!(self.runs(open).await.unwrap(), [], "runs are {status}");
        }
        for run in self
            .runs(RunFilter {
                limit: 10_000,
                ..RunFilter::default()
            })
            .await
            .unwrap()
        {
            for step in self.steps_of(run.id).await.unwrap() {
                assert!(
                    !step.status.is_open(),
                    "step {} is {}",
                    step.step_name,
                    step.status
                );
            }
            for request in self.requests_of(run.id).await.unwrap() {
                assert_ne!(request.status, flow_engine::RequestStatus::Sent);
            }
        }
    }
}

/// A judgement of a text.
#[data]
#[derive(PartialEq)]
pub(crate) struct Rating {
    /// One to five
    pub(crate) stars: u8,
    /// Why so many
    pub(crate) reason: String,
}

/// Draft a text.
#[step(prompt = "./prompts/draft.md")]
pub(crate) async fn draft(
    /// What to write about
    topic: String,
    /// The tone of it
    #[input(default = "neutral")]
    tone: String,
) -> String;

/// Rate a text.
#[step(prompt = "./prompts/rate.md")]
pub(crate) async fn rate(text: String) -> Rating;

#[step]
pub(crate) async fn count_words(text: String) -> usize {
    text.split_whitespace().count()
}

#[step]
pub(crate) async fn greet(name: String, #[state] greeting: Greeting) -> Result<String> {
    if name.is_empty() {
        return Err("there is nobody to greet".into());
    }
    Ok(format!("{} {name}", greeting.0))
}

#[step]
pub(crate) async fn explode(what: String) -> String {
    panic!("the {what} exploded")
}

/// Draft, rate and count.
#[flow(total_steps = 3)]
pub(crate) async fn review(topic: String) -> Result<(Rating, usize)> {
    let text = draft(topic).tone("dry").await?;
    let rating = rate(text.clone()).await?;
    Ok((rating, count_words(text).await?))
}
