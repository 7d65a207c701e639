//! Runs that are interrupted where a test wants it, and steps that tell what was executed.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{
    BoxFuture, EngineBuilder, Error, FlowRun, FlowStepRun, RequestStatus, RunFilter, RunStatus,
    StepStatus,
};
use flow_engine_db::Store;
use tempfile::TempDir;
use uuid::Uuid;

use crate::model::Model;

/// After so long a test has failed that waits for something.
const STUCK: Duration = Duration::from_secs(20);

/// An engine on a database of its own, with a model of its own.
pub(crate) struct Lab {
    engine: Engine,
    pub(crate) model: Model,
    folder: TempDir,
}

impl Deref for Lab {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Lab {
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

    /// Another engine on the same database, with leases of this length.
    pub(crate) async fn leasing(&self, duration: Duration) -> Engine {
        let builder = builder(&self.folder, &self.model).lease(duration);
        builder.build().await.unwrap()
    }

    /// Another engine on a database that is made of it.
    pub(crate) async fn on(&self, store: Arc<dyn Store>) -> Engine {
        let builder = builder(&self.folder, &self.model).store(store);
        builder.build().await.unwrap()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    pub(crate) async fn run_row(&self, id: Uuid) -> FlowRun {
        self.find_run(id).await.unwrap().expect("the run has a row")
    }

    /// A root run and all below it, as they started.
    pub(crate) async fn tree(&self, root: Uuid) -> Vec<FlowRun> {
        let all = RunFilter {
            limit: 10_000,
            ..RunFilter::default()
        };
        let mut runs = self.runs(all).await.unwrap();
        runs.retain(|run| run.root_run_id == root);
        runs.reverse();
        runs
    }

    /// All step rows below a root run.
    pub(crate) async fn steps(&self, root: Uuid) -> Vec<FlowStepRun> {
        let mut steps = Vec::new();
        for run in self.tree(root).await {
            steps.extend(self.steps_of(run.id).await.unwrap());
        }
        steps
    }

    /// All completed step rows below a root run, without what the engine records for itself.
    pub(crate) async fn recorded(&self, root: Uuid) -> Vec<FlowStepRun> {
        let mut steps = self.steps(root).await;
        steps.retain(|step| step.status == StepStatus::Completed && step.kind != "engine");
        steps
    }

    /// Executes a call until `when` is there, and drops it then: the run's id.
    pub(crate) async fn interrupted<C: Call<Executed: Debug>>(
        &self,
        call: C,
        when: impl Future,
    ) -> Uuid {
        let request = self.run(call);
        let id = request.id();
        self.dropped_when(id, request.execute(), when).await;
        id
    }

    /// Resumes a run until `when` is there, and drops it then.
    pub(crate) async fn resumed_until(&self, id: Uuid, when: impl Future) {
        self.dropped_when(id, self.resume(id), when).await;
    }

    async fn dropped_when<T: Debug>(
        &self,
        id: Uuid,
        execution: BoxFuture<'static, Result<T, Error>>,
        when: impl Future,
    ) {
        tokio::select! {
            end = execution => panic!("the run ended before it was to be interrupted: {end:?}"),
            _ = when => {}
            () = tokio::time::sleep(STUCK) => {
                let asked = self.model.asked();
                panic!("stuck: {} steps recorded, asked {asked:?}", self.recorded(id).await.len());
            }
        }
    }

    /// Waits until the tree of a run has this many completed steps.
    pub(crate) async fn has_recorded(&self, root: Uuid, count: usize) {
        while self.recorded(root).await.len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Executes a call until this many of its steps are recorded and the model was asked for all that `asked` says.
    pub(crate) async fn interrupted_at<C: Call<Executed: Debug>>(
        &self,
        call: C,
        recorded: usize,
        asked: &[&str],
    ) -> Uuid {
        let request = self.run(call);
        let id = request.id();
        let when = async {
            self.model.was_asked(asked).await;
            self.has_recorded(id, recorded).await;
        };
        self.dropped_when(id, request.execute(), when).await;
        id
    }

    /// That no row of any table is left open.
    pub(crate) async fn assert_nothing_is_open(&self) {
        let all = RunFilter {
            limit: 10_000,
            ..RunFilter::default()
        };
        for run in self.runs(all).await.unwrap() {
            let name = &run.flow_name;
            assert!(!run.status.is_open(), "the run of {name} is {}", run.status);
            for step in self.steps_of(run.id).await.unwrap() {
                assert!(!step.status.is_open(), "a step of {name} is open: {step:?}");
            }
            for request in self.requests_of(run.id).await.unwrap() {
                assert_ne!(request.status, RequestStatus::Sent, "a request of {name}");
            }
        }
    }

    pub(crate) async fn assert_completed(&self, id: Uuid) {
        assert_eq!(self.run_row(id).await.status, RunStatus::Completed);
        self.assert_nothing_is_open().await;
    }
}

async fn open(folder: &TempDir, model: &Model) -> Engine {
    builder(folder, model).build().await.unwrap()
}

fn builder(folder: &TempDir, model: &Model) -> EngineBuilder {
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    Engine::builder()
        .policy(flow_engine::Policy::once())
        .backend(model.clone())
        .model("test-model")
        .database_url(url)
}

/// Polls a future so many times at most; then it is dropped.
pub(crate) async fn polled<F: Future + Unpin>(mut future: F, times: usize) -> Option<F::Output> {
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match std::pin::Pin::new(&mut future).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Asks the model; the prompt is the question.
#[step(prompt = "./prompts/ask.md")]
pub(crate) async fn ask(question: String) -> String;

/// Asks the model for something better.
#[step(prompt = "./prompts/ask.md")]
pub(crate) async fn refine(question: String) -> String;

static NOTES: Mutex<Vec<(Uuid, String)>> = Mutex::new(Vec::new());

/// A task that says when it is executed: see [`noted`].
#[step]
pub(crate) async fn note(text: String) -> Result<String> {
    let run = flow_engine::current().unwrap().root_run_id();
    NOTES.lock().unwrap().push((run, text.clone()));
    if text.starts_with("bad") {
        return Err(std::io::Error::other(format!("{text} cannot be noted")).into());
    }
    Ok(format!("noted {text}"))
}

/// The texts for which `note` was executed in a run.
pub(crate) fn noted(root: Uuid) -> Vec<String> {
    let notes = NOTES.lock().unwrap();
    notes
        .iter()
        .filter(|(run, _)| *run == root)
        .map(|(_, text)| text.clone())
        .collect()
}

/// `q0`, `q1`, ….
pub(crate) fn questions(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("q{number}")).collect()
}
