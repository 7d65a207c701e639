//! Background runs and their workers: several processes on one database, which are killed and stopped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod effects;
mod flows;
mod outages;
#[path = "../databases/own_server.rs"]
mod own_server;
#[path = "../databases/postgres.rs"]
mod postgres;
mod priorities;

use std::any::Any;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use flow_engine::prelude::*;
use flow_engine::{
    EngineBuilder, ErrorKind, ExecutionMode, FlowRun, RunFilter, RunStatus, StepStatus,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;
use uuid::Uuid;

use crate::flows::{STEPS, falls, model, report, reports};

/// How long a stopped process stays so: longer than its lease.
const STOPPED: Duration = Duration::from_secs(5);
/// Until when all that was queued must be done, however often workers were killed.
const PATIENCE: Duration = Duration::from_mins(4);

/// A process that executes what is queued.
struct Worker(Child);

impl Worker {
    fn start(database: &str) -> Self {
        Self::telling(database, Stdio::null())
    }

    /// What its flows say goes there.
    fn telling(database: &str, output: impl Into<Stdio>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_working"));
        command.arg(database).stdout(output);
        Self(command.spawn().unwrap())
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.0.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Lab {
    engine: Engine,
    database: String,
    _keep: Box<dyn Any>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Lab {
    async fn new(kind: Kind) -> Self {
        Self::built(kind, |builder| builder).await
    }

    async fn built(kind: Kind, with: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("test.db").display());
                Self::on(url, Box::new(folder), with).await
            }
            Kind::Postgres => {
                let database = postgres::Database::new("template1");
                Self::on(database.url(), Box::new(database), with).await
            }
        }
    }

    /// `keep` is dropped with it.
    async fn on(
        database: String,
        keep: Box<dyn Any>,
        with: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let builder = Engine::builder().database_url(&database).backend(model());
        Self {
            engine: with(builder).build().await.unwrap(),
            database,
            _keep: keep,
        }
    }

    async fn queue(&self, runs: u32) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for number in 0..runs {
            ids.push(self.engine.run(reports(number)).enqueue().await.unwrap());
        }
        ids
    }

    async fn count(&self, status: RunStatus) -> usize {
        let filter = RunFilter {
            status: Some(status),
            limit: u32::MAX,
            ..RunFilter::default()
        };
        self.engine.runs(filter).await.unwrap().len()
    }

    /// The rows of the runs that have not completed.
    async fn unfinished(&self) -> Vec<FlowRun> {
        let filter = RunFilter {
            limit: u32::MAX,
            ..RunFilter::default()
        };
        let mut runs = self.engine.runs(filter).await.unwrap();
        runs.retain(|run| run.status != RunStatus::Completed);
        runs
    }

    /// Waits until so many runs are completed.
    async fn completed(&self, runs: usize) {
        let begin = Instant::now();
        while self.count(RunStatus::Completed).await < runs {
            assert!(begin.elapsed() < PATIENCE, "it takes too long");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Each run gave what it should, and no step of it is recorded twice. How often runs were taken, all together.
    async fn assert_each_completed_once(&self, ids: &[Uuid]) -> i64 {
        let mut taken = 0;
        for (number, id) in (0..).zip(ids) {
            let run = self.engine.find_run(*id).await.unwrap().unwrap();
            assert_eq!(run.status, RunStatus::Completed);
            assert_eq!(run.execution_mode, ExecutionMode::Background);
            assert_eq!(run.outputs, Some(report(number).into()));
            assert!(run.started_at.is_some() && run.lease_owner.is_none());
            taken += run.lease_epoch;
            let mut recorded = BTreeMap::<String, usize>::new();
            for step in self.engine.steps_of(*id).await.unwrap() {
                match step.status {
                    StepStatus::Completed => {
                        *recorded.entry(step.inputs.to_string()).or_default() += 1;
                    }
                    status => assert_eq!(status, StepStatus::Cancelled),
                }
            }
            assert_eq!(recorded.len(), STEPS, "{recorded:?}");
            assert!(recorded.values().all(|count| *count == 1), "{recorded:?}");
        }
        taken
    }
}

/// Two workers, one of which is killed or stopped each second until all runs are done.
async fn disturbed(kind: Kind, runs: u32, at_least: Duration) {
    let lab = Lab::new(kind).await;
    let ids = lab.queue(runs).await;
    let mut workers = [Worker::start(&lab.database), Worker::start(&lab.database)];
    let begin = Instant::now();
    let mut stopped: Vec<(Instant, usize)> = Vec::new();
    let (mut kills, mut stops) = (0, 0);
    while lab.count(RunStatus::Completed).await < ids.len() || begin.elapsed() < at_least {
        let is_late = begin.elapsed() > PATIENCE;
        assert!(!is_late, "it takes too long: {:?}", lab.unfinished().await);
        sleep(Duration::from_secs(1)).await;
        let over = |(since, _): &(Instant, usize)| since.elapsed() >= STOPPED;
        for (_, place) in stopped.extract_if(.., |stopped| over(stopped)) {
            workers[place].signal(Signal::CONT);
        }
        // Its last bits are random.
        let chance = Uuid::now_v7().as_u128();
        let (place, stops_it) = (usize::from(chance & 1 == 1), chance & 2 == 2);
        let is_stopped = stopped.iter().any(|(_, other)| *other == place);
        if stops_it && !is_stopped {
            workers[place].signal(Signal::STOP);
            stopped.push((Instant::now(), place));
            stops += 1;
        } else {
            stopped.retain(|(_, other)| *other != place);
            workers[place] = Worker::start(&lab.database);
            kills += 1;
        }
    }
    for (_, place) in stopped {
        workers[place].signal(Signal::CONT);
    }
    // Those that wake have time to do what they must not.
    sleep(Duration::from_secs(2)).await;
    drop(workers);
    let taken = lab.assert_each_completed_once(&ids).await;
    println!(
        "{kind:?}: {runs} runs in {:.1?}, {kills} workers killed and {stops} stopped, runs taken {taken} times",
        begin.elapsed()
    );
    assert!(taken > i64::from(runs), "no run was taken over");
}

async fn a_worker_that_is_dropped_leaves_its_runs_to_the_next(kind: Kind) {
    let lab = Lab::new(kind).await;
    let ids = lab.queue(3).await;
    let work = || lab.engine.worker().concurrency(2).run();
    let _ = tokio::time::timeout(Duration::from_millis(1200), work()).await;
    assert_eq!(lab.count(RunStatus::Completed).await, 0);
    assert_eq!(lab.count(RunStatus::Pending).await, 1);
    let all = lab.completed(ids.len());
    tokio::select! {
        () = work() => {}
        () = all => {}
    }
    let taken = lab.assert_each_completed_once(&ids).await;
    assert_eq!(taken, 5);
}

/// A supervisor starts the process again whenever it has ended.
async fn a_run_that_ends_its_process_is_given_up_and_no_other_one(kind: Kind) {
    let lab = Lab::new(kind).await;
    let ids = lab.queue(3).await;
    let falls = lab.engine.run(falls(0_u32)).enqueue().await.unwrap();
    let mut worker = Worker::start(&lab.database);
    let mut ends = 0;
    let begin = Instant::now();
    while lab.count(RunStatus::Completed).await < ids.len()
        || lab.count(RunStatus::Failed).await < 1
    {
        assert!(begin.elapsed() < PATIENCE, "it takes too long");
        if worker.has_ended() {
            ends += 1;
            worker = Worker::start(&lab.database);
        }
        sleep(Duration::from_millis(100)).await;
    }
    drop(worker);
    lab.assert_each_completed_once(&ids).await;
    let run = lab.engine.find_run(falls).await.unwrap().unwrap();
    let why = run.error_message.unwrap();
    assert!(why.contains("it was taken over 15 times in a row"), "{why}");
    assert_eq!(ends, 16);
}

/// Of one program, in which nobody else is there to take it.
#[tokio::test]
async fn what_a_dropped_worker_was_about_to_take_is_taken_by_the_next() {
    let lab = Lab::built(Kind::Sqlite, |builder| {
        builder.lease(Duration::from_secs(1))
    })
    .await;
    let ids = lab.queue(3).await;
    // It asks for runs, and is not there any more when they come.
    let asked = tokio::time::timeout(Duration::ZERO, lab.engine.worker().run()).await;
    assert!(asked.is_err());

    let all = tokio::time::timeout(Duration::from_secs(30), lab.completed(ids.len()));
    tokio::select! {
        () = lab.engine.worker().run() => {}
        all = all => all.expect("they are left"),
    }
    assert_eq!(lab.assert_each_completed_once(&ids).await, 6);
}

/// As after its process was stopped for longer than its lease: the worker has its turn before the lease is renewed.
#[tokio::test]
async fn a_run_that_is_executed_is_not_taken_again() {
    let lab = Lab::new(Kind::Sqlite).await;
    let ids = lab.queue(1).await;
    let path = lab.database.strip_prefix("sqlite://").unwrap();
    let mut database = SqliteConnection::establish(path).unwrap();
    let end = "PRAGMA busy_timeout = 10000; UPDATE flow_runs SET lease_until = 0";
    let worker = lab.engine.worker().poll_interval(Duration::from_millis(20));
    let meanwhile = async {
        while lab.count(RunStatus::Running).await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
        database.batch_execute(end).unwrap();
        lab.completed(1).await;
    };
    tokio::select! {
        () = worker.run() => {}
        () = meanwhile => {}
    }
    assert_eq!(lab.assert_each_completed_once(&ids).await, 1);
}

/// Whether the check of a weight panics.
static BROKEN: AtomicBool = AtomicBool::new(false);

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a check gets a reference to the value"
)]
fn sound(grams: &u32) -> Result<(), String> {
    assert!(!BROKEN.load(Ordering::Relaxed), "the scales are broken");
    if *grams == 0 {
        return Err("nothing is there".to_owned());
    }
    Ok(())
}

#[step]
async fn weigh(#[input(custom = sound)] grams: u32) -> u32 {
    grams
}

/// No worker takes it again and again.
#[tokio::test]
async fn a_run_whose_inputs_cannot_be_read_without_a_panic_is_failed() {
    let lab = Lab::new(Kind::Sqlite).await;
    let id = lab.engine.run(weigh(1_u32)).enqueue().await.unwrap();
    BROKEN.store(true, Ordering::Relaxed);
    let failed = async {
        while lab.count(RunStatus::Failed).await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let failed = tokio::time::timeout(Duration::from_secs(10), failed);
    tokio::select! {
        () = lab.engine.worker().run() => {}
        failed = failed => failed.expect("it is left"),
    }
    let run = lab.engine.find_run(id).await.unwrap().unwrap();
    let message = run.error_message.unwrap();
    assert_eq!(message, "panicked: the scales are broken");
}

#[flow]
async fn unlocks(#[input(secret)] password: String) -> Result<usize> {
    Ok(password.len())
}

async fn what_cannot_be_kept_for_a_worker_is_not_queued(kind: Kind) {
    let lab = Lab::new(kind).await;
    let error = lab.engine.run(unlocks("swordfish")).enqueue().await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("`password` is secret"),
        "{error}"
    );
    assert_eq!(lab.count(RunStatus::Pending).await, 0);
}

/// Each test on both databases.
macro_rules! on_both {
    ($($module:ident $kind:ident,)+) => {
        $(
            mod $module {
                use std::time::Duration;

                use super::Kind::$kind;

                #[tokio::test]
                async fn each_run_completes_once_though_workers_are_killed_and_stopped() {
                    super::disturbed($kind, 40, Duration::ZERO).await;
                }

                #[tokio::test]
                async fn runs_start_by_priority_and_complete_once_though_workers_are_killed() {
                    super::priorities::in_order_though_workers_are_killed($kind).await;
                }

                #[tokio::test]
                #[ignore = "it takes a minute or two"]
                async fn each_of_200_runs_completes_once_though_workers_are_killed_and_stopped_for_a_minute() {
                    super::disturbed($kind, 200, Duration::from_mins(1)).await;
                }

                #[tokio::test]
                async fn a_worker_that_is_dropped_leaves_its_runs_to_the_next() {
                    super::a_worker_that_is_dropped_leaves_its_runs_to_the_next($kind).await;
                }

                #[tokio::test]
                async fn a_worker_leaves_an_effect_alone_whose_process_was_killed() {
                    super::effects::a_worker_leaves_an_effect_alone_whose_process_was_killed($kind).await;
                }

                #[tokio::test]
                async fn an_effect_is_decided_of_a_process_that_was_killed() {
                    super::effects::an_effect_is_decided_of_a_process_that_was_killed($kind).await;
                }

                #[tokio::test]
                async fn who_resumes_a_run_hears_of_an_effect_whose_process_was_killed() {
                    super::effects::who_resumes_a_run_hears_of_an_effect_whose_process_was_killed($kind).await;
                }

                #[tokio::test]
                async fn a_run_that_ends_its_process_is_given_up_and_no_other_one() {
                    super::a_run_that_ends_its_process_is_given_up_and_no_other_one($kind).await;
                }

                #[tokio::test]
                async fn what_cannot_be_kept_for_a_worker_is_not_queued() {
                    super::what_cannot_be_kept_for_a_worker_is_not_queued($kind).await;
                }
            }
        )+
    };
}

on_both! {
    on_sqlite Sqlite,
    on_postgres Postgres,
}
