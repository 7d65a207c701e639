//! The program after the edits, on the database that the one before them left.

use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{FlowRun, FlowStepRun, LlmRequest, RunFilter, StepStatus, Uuid};
use tempfile::TempDir;

use crate::after::outputs::ANSWERS;
use crate::after::tasks::Punctuation;
use crate::model::model;
use crate::steps::Fate;

/// How the program before the edits ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The last step of the flow failed, and so did the run.
    Failed,
    /// The run was dropped while its last step was executed.
    Interrupted,
    /// The process was killed while the last step was executed.
    Killed,
}

impl End {
    pub(crate) const ALL: [Self; 3] = [Self::Failed, Self::Interrupted, Self::Killed];
}

/// The rows of the database.
#[derive(Debug, PartialEq)]
pub(crate) struct Rows {
    pub(crate) runs: Vec<FlowRun>,
    pub(crate) steps: Vec<FlowStepRun>,
    pub(crate) requests: Vec<LlmRequest>,
}

/// An engine of this program, which holds the definitions after the edits.
pub(crate) struct Edited {
    engine: Engine,
    model: MockBackend,
    default_model: &'static str,
    folder: TempDir,
    /// The run that the program before the edits left.
    pub(crate) run: Uuid,
}

impl Deref for Edited {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Edited {
    /// Executes a flow in the program before the edits, up to `end`, and opens its database in this one.
    pub(crate) async fn after(flow: &str, end: End) -> Self {
        Left::by(flow, end).edited("test-model").await
    }

    /// The program is started again, and now the last step has another fate.
    pub(crate) async fn restarted(self, fate: Fate) -> Self {
        self.engine.close().await;
        let engine = open(self.folder.path(), &self.model, self.default_model, fate).await;
        Self { engine, ..self }
    }

    /// The steps that this program has sent requests of.
    pub(crate) fn sent(&self) -> Vec<String> {
        let requests = self.model.requests().into_iter();
        // What runs beside each other is sent in any order.
        let mut sent: Vec<_> = requests.map(|request| request.step).collect();
        sent.sort();
        sent
    }

    /// All rows, of sub-flows too, in the order in which they were begun.
    pub(crate) async fn rows(&self) -> Rows {
        let runs = self.runs(RunFilter::default()).await.unwrap();
        let (mut steps, mut requests) = (Vec::new(), Vec::new());
        for run in &runs {
            steps.extend(self.steps_of(run.id).await.unwrap());
            requests.extend(self.requests_of(run.id).await.unwrap());
        }
        steps.sort_by_key(|step| step.id);
        requests.sort_by_key(|request| request.id);
        Rows {
            runs,
            steps,
            requests,
        }
    }

    pub(crate) async fn row(&self) -> FlowRun {
        self.find_run(self.run).await.unwrap().unwrap()
    }
}

impl Rows {
    pub(crate) fn step(&self, id: Uuid) -> &FlowStepRun {
        self.steps.iter().find(|step| step.id == id).unwrap()
    }

    /// What can be taken again: neither the last step, nor what the flow was still in.
    pub(crate) fn completed(&self) -> impl Iterator<Item = &FlowStepRun> {
        let mut steps = self.steps.iter();
        std::iter::from_fn(move || steps.find(|step| step.status == StepStatus::Completed))
    }
}

/// What the program before the edits leaves.
pub(crate) struct Left {
    pub(crate) end: End,
    program: Child,
    folder: TempDir,
}

impl Left {
    /// Starts the program with a flow, which ends as it is told.
    pub(crate) fn by(flow: &str, end: End) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_edited-before"))
            .arg(folder.path().join("test.db"))
            .args([flow, &format!("{end:?}").to_lowercase()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            end,
            program,
            folder,
        }
    }

    /// Waits for its end, and opens the database in this program.
    pub(crate) async fn edited(self, default_model: &'static str) -> Edited {
        let output = self.program.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), self.end != End::Killed, "{told}");
        let id = String::from_utf8(output.stdout).unwrap();
        let (model, fate) = (model(ANSWERS), Fate::of_a_run_that_is("completed"));
        Edited {
            engine: open(self.folder.path(), &model, default_model, fate).await,
            model,
            default_model,
            folder: self.folder,
            run: id.trim().parse().expect(&told),
        }
    }
}

async fn open(folder: &Path, model: &MockBackend, default_model: &str, fate: Fate) -> Engine {
    let url = format!("sqlite://{}", folder.join("test.db").display());
    let builder = Engine::builder()
        // Killed processes are waited for.
        .lease(std::time::Duration::from_millis(200))
        .policy(flow_engine::Policy::once())
        .backend(model.clone())
        .model(default_model)
        .state(fate)
        .state(Punctuation("!"));
    builder.database_url(url).build().await.unwrap()
}
