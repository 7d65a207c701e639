//! One random flow: executed, cut off, resumed, and looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{BoxFuture, Error, FlowResult, RunStatus, json};
use futures::FutureExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::{JoinHandle, yield_now};
use uuid::Uuid;

use crate::generate::{Cut, How};
use crate::model::Model;
use crate::program::{At, Program, Trace, whole};

/// The output, and how many tokens the engine says it took.
type Ended = Result<(Value, u64), Error>;

/// A flow on a database of its own.
pub(crate) struct Trial {
    pub(crate) engine: Engine,
    pub(crate) model: Model,
    folder: TempDir,
    random: Random,
}

/// What came of a flow that was cut off and resumed until it completed.
pub(crate) struct Completed {
    pub(crate) run_id: Uuid,
    pub(crate) trace: Trace,
    pub(crate) tokens: u64,
    /// How often it was really cut off.
    pub(crate) cuts: usize,
}

/// A future that runs in a task, and how often it was polled.
struct Running {
    task: JoinHandle<Ended>,
    polls: Arc<AtomicUsize>,
}

impl Running {
    fn start(mut future: BoxFuture<'static, Ended>) -> Self {
        let polls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&polls);
        let task = tokio::spawn(std::future::poll_fn(move |context| {
            count.fetch_add(1, Ordering::Relaxed);
            match future.as_mut().poll(context) {
                Poll::Ready(ended) => Poll::Ready(ended),
                Poll::Pending => Poll::Pending,
            }
        }));
        Self { task, polls }
    }

    /// Drops the future where it is; or it has come to its end.
    async fn cut(self) -> Option<Ended> {
        self.task.abort();
        self.task.await.ok()
    }
}

impl Trial {
    pub(crate) async fn new(model: Model, seed: u64) -> Self {
        let folder = folder();
        Self {
            engine: open(&folder, &model).await,
            model,
            folder,
            random: Random(seed),
        }
    }

    /// Executes the program, cut off and resumed as `cuts` say.
    pub(crate) async fn completed(&mut self, program: &Program, at: At, cuts: &[Cut]) -> Completed {
        let request = self.engine.run(whole(program.clone(), at));
        let run_id = request.id();
        let mut ended = in_json(request.execute(), |trace| json!(trace));
        let mut done = 0;
        for cut in cuts {
            if let Some(ended) = self.until(ended, Some(*cut)).await {
                return completed(run_id, ended, done);
            }
            done += 1;
            if let Some(ended) = self.recorded_end(run_id).await {
                return completed(run_id, Ok(ended), done);
            }
            self.plan(run_id).await;
            ended = in_json(self.engine.resume(run_id), |output| output);
        }
        let ended = self.until(ended, None).await.expect("it was not cut off");
        completed(run_id, ended, done)
    }

    /// What the run gave, if it was cut off with its last write queued.
    async fn recorded_end(&self, run_id: Uuid) -> Option<(Value, u64)> {
        let run = self.engine.find_run(run_id).await.unwrap().unwrap();
        let tokens = u64::try_from(run.total_tokens).unwrap();
        (run.status == RunStatus::Completed).then(|| (run.outputs.unwrap(), tokens))
    }

    /// Answers in a random order, up to the cut.
    async fn until(
        &mut self,
        future: BoxFuture<'static, Ended>,
        cut: Option<Cut>,
    ) -> Option<Ended> {
        self.model.hold_back(true);
        let running = Running::start(future);
        let mut answers = 0;
        loop {
            self.settled(&running).await;
            if running.task.is_finished() {
                return Some(running.task.await.unwrap());
            }
            let waiting = self.model.waiting();
            if waiting == 0 {
                // It reads, or waits for the time.
                tokio::time::sleep(Duration::from_micros(300)).await;
                continue;
            }
            match cut {
                Some(Cut { after, how }) if answers >= after => {
                    return self.cut(running, how).await;
                }
                _ => {}
            }
            self.model.release(self.random.below(waiting));
            answers += 1;
        }
    }

    async fn cut(&mut self, running: Running, how: How) -> Option<Ended> {
        let killed = match how {
            How::Dropped => None,
            How::DroppedSoon(turns) => {
                self.model.release(self.random.below(self.model.waiting()));
                for _ in 0..turns {
                    yield_now().await;
                }
                None
            }
            // What a killed process leaves: the files as they are now, when nothing is being written.
            How::Killed => Some(copy(&self.folder)),
        };
        let ended = running.cut().await;
        self.engine.close().await;
        self.folder = match killed {
            Some(folder) => folder,
            None => std::mem::replace(&mut self.folder, folder()),
        };
        self.engine = open(&self.folder, &self.model).await;
        ended
    }

    /// Waits until the run can do nothing but wait: for an answer, or for the time.
    async fn settled(&self, running: &Running) {
        loop {
            let before = running.polls.load(Ordering::Relaxed);
            // All that is queued is on disk after that, and who waits for it was woken.
            self.engine.find_run(Uuid::nil()).await.unwrap();
            for _ in 0..3 {
                yield_now().await;
            }
            let quiet = running.polls.load(Ordering::Relaxed) == before;
            if running.task.is_finished() || (quiet && before > 0) {
                return;
            }
        }
    }

    /// Executes the program without any disturbance.
    pub(crate) async fn undisturbed(&self, program: &Program, at: At) -> Trace {
        self.model.hold_back(false);
        let done = self.engine.execute(whole(program.clone(), at)).await;
        done.unwrap().output_content
    }

    /// Executes a fork of a completed run, with nothing changed.
    pub(crate) async fn forked(&self, run_id: Uuid) -> (Uuid, Trace) {
        self.model.hold_back(false);
        let done = self.engine.fork(run_id).execute().await.unwrap();
        (
            done.run_id,
            serde_json::from_value(done.output_content).unwrap(),
        )
    }

    /// A dry run sends nothing and comes to an end.
    async fn plan(&self, run_id: Uuid) {
        let before = self.model.counts();
        let plan = self.engine.resume_plan(run_id);
        let plan = tokio::time::timeout(Duration::from_secs(20), plan).await;
        plan.expect("the plan comes to an end").unwrap();
        assert_eq!(self.model.counts(), before, "a plan executes nothing");
    }
}

fn completed(run_id: Uuid, ended: Ended, cuts: usize) -> Completed {
    let (output, tokens) = ended.unwrap();
    let trace = serde_json::from_value(output).unwrap();
    Completed {
        run_id,
        trace,
        tokens,
        cuts,
    }
}

/// As JSON, since a resumed run gives no more.
fn in_json<T: 'static>(
    ended: BoxFuture<'static, Result<FlowResult<T>, Error>>,
    json: fn(T) -> Value,
) -> BoxFuture<'static, Ended> {
    let parts = move |done: FlowResult<T>| (json(done.output_content), done.metadata.tokens_used);
    ended.map(move |ended| ended.map(parts)).boxed()
}

/// In memory where there is such a folder: what a process leaves behind is there, too.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub(crate) async fn open(folder: &TempDir, model: &Model) -> Engine {
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let builder = Engine::builder()
        // Killed processes are waited for.
        .lease(std::time::Duration::from_millis(200))
        .policy(flow_engine::Policy::once())
        .backend(model.clone())
        .model("test-model");
    let builder = builder.state(model.clone()).database_url(url);
    builder.build().await.unwrap()
}

fn copy(folder: &TempDir) -> TempDir {
    let copy = self::folder();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        // The memory that processes share over the log; it is built anew.
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    copy
}

/// `SplitMix64`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit as u64).unwrap()
    }
}
