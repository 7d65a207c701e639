//! An engine whose model answers one question at a time, as the test says.

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{Flow, FlowStepRun, RunFilter};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::model::Model;
pub(crate) use crate::program::inquire;
use crate::trial::{folder, open};

/// An engine on a database of its own.
pub(crate) struct Held {
    pub(crate) engine: Engine,
    pub(crate) model: Model,
    folder: TempDir,
}

/// A run in a task of its own.
pub(crate) struct Started {
    id: Uuid,
    task: JoinHandle<Result<Value, flow_engine::Error>>,
}

impl Started {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// Drops the run where it is.
    pub(crate) async fn cut(self) {
        self.task.abort();
        let ended = self.task.await;
        assert!(
            ended.is_err_and(|error| error.is_cancelled()),
            "it had not ended"
        );
    }
}

impl Held {
    pub(crate) async fn new() -> Self {
        let (folder, model) = (folder(), Model::new(true));
        let engine = open(&folder, &model).await;
        Self {
            engine,
            model,
            folder,
        }
    }

    pub(crate) fn start<F: Flow<Output: Into<Value>>>(&self, flow: F) -> Started {
        let request = self.engine.run(flow);
        let id = request.id();
        let run = request.execute();
        let task = tokio::spawn(async move { Ok(run.await?.output_content.into()) });
        Started { id, task }
    }

    /// Waits until the model is asked this.
    pub(crate) async fn asked(&self, question: &str) {
        self.until(question, |held| held.model.waits(question))
            .await;
    }

    /// Waits until tasks have been executed so often.
    pub(crate) async fn executed(&self, times: u64) {
        self.until("a task", |held| held.model.counts().notes >= times)
            .await;
    }

    pub(crate) async fn until(&self, what: &str, there: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !there(self) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = timeout(Duration::from_secs(30), waiting).await;
        waited.unwrap_or_else(|_| panic!("{what:?} does not come; sent: {:#?}", self.sent()));
    }

    /// Answers a question once it is asked; what comes of it may still be on its way.
    pub(crate) async fn answer(&self, question: &str) {
        self.asked(question).await;
        self.model.answer(question);
    }

    /// Waits until a step with this output is on disk.
    pub(crate) async fn returned(&self, output: &str) {
        self.on_disk(output, |step| step.outputs == Some(output.into()))
            .await;
    }

    /// Waits until a step of this name is on disk with its end.
    pub(crate) async fn recorded(&self, name: &str) {
        self.on_disk(name, |step| {
            step.step_name == name && step.outputs.is_some()
        })
        .await;
    }

    async fn on_disk(&self, what: &str, is_it: impl Fn(&FlowStepRun) -> bool) {
        for _ in 0..10_000 {
            for run in self.engine.runs(RunFilter::default()).await.unwrap() {
                if self
                    .engine
                    .steps_of(run.id)
                    .await
                    .unwrap()
                    .iter()
                    .any(&is_it)
                {
                    return;
                }
            }
        }
        panic!("{what:?} does not come");
    }

    /// All that the model was asked, in order.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.model.sent()
    }

    /// The run is interrupted and resumed by another engine.
    pub(crate) async fn restarted(&mut self, run: Started) -> Started {
        let id = run.id;
        self.stop(run).await;
        self.resume(id)
    }

    /// The run is interrupted at its last question, which is answered to another engine: what that asked.
    pub(crate) async fn resumed_at_thanks(&mut self, run: Started) -> Vec<String> {
        self.asked("thanks").await;
        let before = self.sent().len();
        let resumed = self.restarted(run).await;
        self.answer("thanks").await;
        self.finished(resumed).await;
        self.sent().split_off(before)
    }

    /// The run is interrupted, and there is another engine.
    pub(crate) async fn stop(&mut self, run: Started) {
        run.cut().await;
        self.reopened().await;
    }

    pub(crate) async fn reopened(&mut self) {
        self.engine.close().await;
        self.engine = open(&self.folder, &self.model).await;
    }

    pub(crate) fn resume(&self, id: Uuid) -> Started {
        let resumed = self.engine.resume(id);
        let task = tokio::spawn(async move { Ok(resumed.await?.output_content) });
        Started { id, task }
    }

    /// Waits for its end. What it asks beside what the test expects is answered.
    pub(crate) async fn finished(&self, run: Started) {
        self.model.hold_back(false);
        let ended = timeout(Duration::from_secs(20), run.task).await;
        ended.expect("it comes to its end").unwrap().unwrap();
    }
}
