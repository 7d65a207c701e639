//! A fresh engine for each test, and a model that says how often it was asked.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use flow_engine::FlowRun;
use flow_engine::llm::{LlmError, LlmErrorKind, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

/// An engine on a database of its own, which is gone with it.
pub(crate) struct TestEngine {
    engine: Engine,
    pub(crate) model: Model,
    folder: TempDir,
}

impl Deref for TestEngine {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl TestEngine {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = Model::default();
        let engine = open(&folder, &model).await;
        Self {
            engine,
            model,
            folder,
        }
    }

    /// Another engine on the same database and model, as a new process would have it.
    pub(crate) async fn restarted(self) -> Self {
        self.engine.close().await;
        let engine = open(&self.folder, &self.model).await;
        Self { engine, ..self }
    }

    pub(crate) async fn run(&self, id: Uuid) -> FlowRun {
        self.find_run(id).await.unwrap().expect("the run has a row")
    }
}

async fn open(folder: &TempDir, model: &Model) -> Engine {
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let builder = Engine::builder()
        .backend(model.backend())
        .model("test-model");
    builder.database_url(url).build().await.unwrap()
}

/// A model whose answer to `ask` tells the question and which request it was: no two answers are equal.
#[derive(Clone, Default)]
pub(crate) struct Model(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    asked: Vec<String>,
    failing: Vec<String>,
}

impl Model {
    fn backend(&self) -> MockBackend {
        let state = self.0.clone();
        MockBackend::new().on("ask", move |request| {
            let question = request.messages.last().unwrap().content.trim().to_owned();
            let mut state = state.lock().unwrap();
            state.asked.push(question.clone());
            if state.failing.contains(&question) {
                return Err(LlmError::new(LlmErrorKind::Transient, "the server is down"));
            }
            let number = state.asked.len();
            Ok(LlmResponse::text(format!("{question} #{number}")).with_usage(10, 5))
        })
    }

    /// The questions asked so far, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    /// Lets these questions fail from now on, and no others.
    pub(crate) fn fail(&self, questions: &[&str]) {
        self.0.lock().unwrap().failing = questions.iter().map(ToString::to_string).collect();
    }
}

/// Asks the model; the prompt is the question.
#[step(prompt = "./prompts/ask.md")]
pub(crate) async fn ask(question: String) -> String;
