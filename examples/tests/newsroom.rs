//! The newsroom, killed and started again at each stage: its article is published exactly once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flow_engine::llm::MockBackend;
use flow_engine::{Engine, FlowRun, RunFilter, RunStatus, StepStatus};
use tempfile::TempDir;

/// Until when what is waited for must have come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder in which the program is started, and a look at what it leaves there.
struct Desk {
    folder: TempDir,
    engine: Engine,
}

/// It is killed when this is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite://{}",
            folder.path().join("flow-engine.db").display()
        );
        let builder = Engine::builder().backend(MockBackend::new());
        let engine = builder.database_url(url).build().await.unwrap();
        Self { folder, engine }
    }

    fn start(&self, arguments: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_newsroom"));
        for variable in [
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "DATABASE_URL",
            "FLOW_ENGINE_DATABASE_URL",
        ] {
            command.env_remove(variable);
        }
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("NEWSROOM_PACE_MS", "600")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Program(command.spawn().unwrap())
    }

    fn published(&self) -> Vec<String> {
        let lines = std::fs::read_to_string(self.folder.path().join("published.jsonl"));
        let lines = lines.unwrap_or_default();
        lines.lines().map(str::to_owned).collect()
    }

    async fn run(&self) -> Option<FlowRun> {
        let mut runs = self.engine.runs(RunFilter::default()).await.unwrap();
        assert!(runs.len() <= 1, "one article, one run: {runs:?}");
        runs.pop()
    }

    async fn until(&self, is: impl Fn(&FlowRun) -> bool) -> FlowRun {
        let begin = Instant::now();
        loop {
            if let Some(run) = self.run().await.filter(&is) {
                return run;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "it does not come: {:?}",
                self.run().await
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn waits_for(&self, verdict: &str) {
        let begin = Instant::now();
        loop {
            let run = self.until(|run| run.status == RunStatus::Waiting).await;
            let waits = self.engine.waits_of(run.id).await.unwrap();
            if waits
                .iter()
                .any(|wait| wait.signal.as_deref() == Some(verdict))
            {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "it waits for {waits:?}");
        }
    }

    /// Starts the program again, and lets it come to its end.
    async fn finishes(&self) {
        let program = self.start(&["--comment", "Shorter, please."]);
        let run = self.until(|run| run.status == RunStatus::Completed).await;
        drop(program);
        let [line] = &self.published()[..] else {
            panic!("published {:?}", self.published());
        };
        assert!(line.contains("Rivers rise"), "the revised article: {line}");
        assert_eq!((run.outputs.unwrap(), run.step_progress), (1.into(), 5));

        let steps = self.engine.steps_of(run.id).await.unwrap();
        for step in ["gather", "draft", "revise", "draw_thumbnail", "publish"] {
            let completed = steps
                .iter()
                .filter(|row| row.step_name == step && row.status == StepStatus::Completed);
            assert_eq!(completed.count(), 1, "{step}");
        }
        assert!(steps.iter().all(|step| !step.status.is_open()), "{steps:?}");
        let requests = self.engine.requests_of(run.id).await.unwrap();
        assert!(
            requests.len() <= 5,
            "four, and the one that was cut off: {}",
            requests.len()
        );
    }
}

/// Kills the program while it executes a step.
async fn killed_in(step: &str) {
    let desk = Desk::new().await;
    let program = desk.start(&["--comment", "Shorter, please."]);
    desk.until(|run| run.current_step.as_deref() == Some(step))
        .await;
    drop(program);
    desk.finishes().await;
}

macro_rules! killed_in {
    ($($test:ident: $step:literal;)+) => {
        $(
            #[tokio::test]
            async fn $test() {
                killed_in($step).await;
            }
        )+
    };
}

killed_in! {
    killed_while_it_gathers: "gather";
    killed_while_it_drafts: "draft";
    killed_while_it_revises: "revise";
    killed_while_it_draws: "draw_thumbnail";
    killed_while_it_begins_to_publish: "publish";
}

#[tokio::test]
async fn killed_once_the_article_is_out_and_before_anybody_knows() {
    let desk = Desk::new().await;
    let program = desk.start(&["--comment", "Shorter, please."]);
    let begin = Instant::now();
    while desk.published().is_empty() {
        assert!(begin.elapsed() < PATIENCE, "it is not published");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(program);
    let run = desk.run().await.unwrap();
    assert_eq!(run.status, RunStatus::Running, "nobody knows yet");
    desk.finishes().await;
}

#[tokio::test]
async fn left_and_killed_while_it_waits_for_the_editor() {
    let desk = Desk::new().await;
    // Nobody is there to be asked: it ends by itself.
    let mut program = desk.start(&["floods"]);
    let left = program.0.wait().unwrap();
    assert!(left.success());
    desk.waits_for("verdict-1").await;

    // Somebody has a comment, in another process, and leaves again.
    let run = desk.run().await.unwrap();
    let comment = flow_engine::json!({ "comment": "Shorter, please." });
    desk.engine
        .signal(run.id, "verdict-1", comment)
        .await
        .unwrap();
    let program = desk.start(&[]);
    desk.waits_for("verdict-2").await;
    drop(program);
    assert!(desk.published().is_empty());
    desk.finishes().await;
}

#[tokio::test]
async fn undisturbed_it_runs_in_one_command() {
    let desk = Desk::new().await;
    let mut program = desk.start(&["--comment", "Shorter, please."]);
    assert!(program.0.wait().unwrap().success());
    assert_eq!(desk.published().len(), 1);
}
