//! Queued runs: in which order they start, how many at a time, and what their rows say meanwhile.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{DateTime, ErrorKind, ExecutionMode, FlowRun, RunStatus};
use uuid::Uuid;

use crate::support::{Greeting, TestEngine, engine, start};

static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

pub(crate) fn hold(name: &str, is_held: bool) {
    let mut held = HELD.lock().unwrap();
    if is_held {
        held.insert(name.to_owned());
    } else {
        held.remove(name);
    }
}

#[step]
async fn passes(name: String, part: u32) -> u32 {
    let held = || HELD.lock().unwrap().contains(&format!("{name} {part}"));
    while held() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    part
}

#[flow(total_steps = 4)]
pub(crate) async fn walks(name: String) -> Result<u32> {
    let mut parts = 0;
    for part in 0..4 {
        parts += passes(name.clone(), part).await?;
    }
    Ok(parts)
}

/// Waits until the row of a run is as it should be.
pub(crate) async fn until(engine: &Engine, id: Uuid, is: impl Fn(&FlowRun) -> bool) -> FlowRun {
    let waiting = async {
        loop {
            let row = engine.find_run(id).await.unwrap().unwrap();
            if is(&row) {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let row = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    match row {
        Ok(row) => row,
        Err(elapsed) => panic!("stuck ({elapsed}): {:?}", engine.find_run(id).await),
    }
}

pub(crate) fn completed(run: &FlowRun) -> bool {
    run.status == RunStatus::Completed
}

async fn all_completed(engine: &Engine, ids: &[Uuid]) -> Vec<FlowRun> {
    let mut rows = Vec::new();
    for id in ids {
        rows.push(until(engine, *id, completed).await);
    }
    rows
}

/// Works until that is there.
async fn working<T>(engine: &Engine, concurrency: usize, until: impl Future<Output = T>) -> T {
    let worker = engine.worker().concurrency(concurrency);
    tokio::select! {
        () = worker.poll_interval(Duration::from_millis(20)).run() => unreachable!("it works on"),
        all = until => all,
    }
}

#[tokio::test]
async fn the_highest_priority_starts_first_and_of_one_priority_the_oldest() {
    let engine = engine().await;
    let mut ids = Vec::new();
    for priority in [0, 3, -7, 3, i32::MAX, i32::MIN] {
        let run = engine.run(walks("by priority")).priority(priority);
        ids.push(run.enqueue().await.unwrap());
    }
    ids.push(engine.run(walks("by priority")).enqueue().await.unwrap());
    let mut rows = working(&engine, 1, all_completed(&engine, &ids)).await;
    rows.sort_by_key(|run| run.started_at);
    let order: Vec<i32> = rows.iter().map(|run| run.priority).collect();
    assert_eq!(order, [i32::MAX, 3, 3, 0, 0, -7, i32::MIN]);
    let order: Vec<Uuid> = rows.iter().map(|run| run.id).collect();
    assert_eq!(order[1..5], [ids[1], ids[3], ids[0], ids[6]]);
}

#[tokio::test]
async fn a_run_does_not_start_before_its_time() {
    let engine = engine().await;
    let at = |time| engine.run(walks("by time")).start_at(time).priority(9);
    let soon = Utc::now() + TimeDelta::milliseconds(300);
    let id = at(soon).enqueue().await.unwrap();
    let never = at(Utc::now() + TimeDelta::days(1)).enqueue().await.unwrap();
    let past = at(Utc::now() - TimeDelta::days(1)).enqueue().await.unwrap();
    let rows = working(&engine, 4, all_completed(&engine, &[id, past])).await;
    let micros = |time: DateTime<Utc>| time.timestamp_micros();
    assert_eq!(rows[0].start_at.map(micros), Some(micros(soon)));
    assert!(rows[0].started_at.unwrap() >= rows[0].start_at.unwrap());
    assert!(rows[1].started_at.unwrap() < rows[0].started_at.unwrap());
    let row = engine.row(never).await;
    assert_eq!((row.status, row.started_at), (RunStatus::Pending, None));
}

#[tokio::test]
async fn what_is_executed_at_once_does_not_wait() {
    let engine = engine().await;
    let (priority, start_at) = (
        engine.run(walks("at once")).priority(0),
        engine.run(walks("at once")).start_at(Utc::now()),
    );
    for (run, name) in [(priority, "priority"), (start_at, "start_at")] {
        let id = run.id();
        let error = run.execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            format!(
                "only a queued run waits for its turn, and this one is executed at once: end with `.enqueue()`, or leave `{name}` out"
            )
        );
        assert_eq!(engine.find_run(id).await.unwrap(), None);
    }
}

static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[step]
async fn press(number: u32) -> u32 {
    let now = AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1;
    MOST.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(30)).await;
    AT_ONCE.fetch_sub(1, Ordering::SeqCst);
    number
}

#[flow(concurrency = 2)]
async fn prints(number: u32) -> Result<u32> {
    Ok(press(number).await?)
}

#[tokio::test]
async fn of_a_flow_so_many_runs_are_executed_over_all_workers() {
    let builder = || {
        Engine::builder()
            .backend(MockBackend::new())
            .state(Greeting("hello"))
    };
    let (one, folder) = start(builder()).await;
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let other = builder().database_url(url).build().await.unwrap();
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(one.run(prints(number)).priority(5).enqueue().await.unwrap());
    }
    // Behind them all, but of another flow.
    let last = one.run(walks("beside")).enqueue().await.unwrap();
    let both = working(&other, 8, async {
        let (rows, last) = tokio::join!(all_completed(&one, &ids), until(&one, last, completed));
        (rows, last)
    });
    let (rows, last) = Box::pin(working(&one, 8, both)).await;
    assert_eq!(MOST.load(Ordering::SeqCst), 2);
    let last_started = rows.iter().filter_map(|run| run.started_at).max();
    assert!(
        last.started_at < last_started,
        "it had to wait for what it does not need"
    );
}

fn shown(run: &FlowRun) -> (RunStatus, Option<&str>, i32, u8) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 100"
    )]
    let percent = run.progress_percentage as u8;
    let step = run.current_step.as_deref();
    (run.status, step, run.step_progress, percent)
}

/// Pending, executed, handed back, taken by another, and at its end.
#[tokio::test]
async fn the_row_of_a_background_run_is_true_at_every_moment() {
    let (name, engine) = ("watched", engine().await);
    for part in [1, 2] {
        hold(&format!("{name} {part}"), true);
    }
    let before = Utc::now();
    let id = engine.run(walks(name)).enqueue().await.unwrap();
    let row = engine.row(id).await;
    assert_eq!(shown(&row), (RunStatus::Pending, None, 0, 0));
    assert_eq!(
        (row.total_steps, row.started_at, row.last_heartbeat),
        (Some(4), None, None)
    );
    assert_eq!(
        (row.lease_owner, row.execution_mode),
        (None, ExecutionMode::Background)
    );

    let is_at =
        |part: i32| move |run: &FlowRun| run.step_progress == part && run.current_step.is_some();
    let row = working(&engine, 1, until(&engine, id, is_at(1))).await;
    assert_eq!(shown(&row), (RunStatus::Running, Some("passes"), 1, 25));
    let (started, heartbeat) = (row.started_at.unwrap(), row.last_heartbeat.unwrap());
    assert!(before <= started && started <= Utc::now());
    assert!(before <= heartbeat && heartbeat <= Utc::now());
    let first_owner = row.lease_owner;
    assert!(first_owner.is_some());

    // Its worker is gone by now.
    let row = until(&engine, id, |run| run.status == RunStatus::Interrupted).await;
    assert_eq!(shown(&row), (RunStatus::Interrupted, None, 1, 25));
    assert_eq!(
        (row.started_at, row.lease_owner.clone()),
        (Some(started), None)
    );
    assert!(row.completed_at.is_some());

    let other = other_engine(&engine).await;
    hold(&format!("{name} 1"), false);
    let row = working(&other, 1, until(&engine, id, is_at(2))).await;
    assert_eq!(shown(&row), (RunStatus::Running, Some("passes"), 2, 50));
    assert_eq!(
        (row.started_at, row.completed_at, row.error_message),
        (Some(started), None, None)
    );
    assert!(row.last_heartbeat.unwrap() > heartbeat);
    assert!(row.lease_owner.is_some() && row.lease_owner != first_owner);

    until(&other, id, |run| run.status == RunStatus::Interrupted).await;
    hold(&format!("{name} 2"), false);
    let row = working(&engine, 1, until(&engine, id, completed)).await;
    assert_eq!(shown(&row), (RunStatus::Completed, None, 4, 100));
    assert_eq!(
        (row.started_at, row.lease_owner, row.lease_epoch),
        (Some(started), None, 3)
    );
    assert_eq!(row.execution_mode, ExecutionMode::Background);
}

pub(crate) async fn other_engine(engine: &TestEngine) -> Engine {
    let builder = Engine::builder()
        .database_url(format!("sqlite://{}", engine.database()))
        .backend(MockBackend::new())
        .state(Greeting("hello"));
    builder.build().await.unwrap()
}

#[step]
async fn never_ends() -> Result<()> {
    std::future::pending().await
}

/// Gives up while a step is executed.
#[flow(total_steps = 2)]
async fn loses_patience() -> Result<()> {
    let step = flow_engine::spawn(async { never_ends().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(step);
    Err("no more".into())
}

#[tokio::test]
async fn what_a_failed_run_leaves_open_is_not_executed_any_more() {
    let engine = engine().await;
    let id = engine.run(loses_patience()).enqueue().await.unwrap();
    let failed = until(&engine, id, |run| run.status == RunStatus::Failed);
    let row = working(&engine, 1, failed).await;
    assert_eq!(shown(&row), (RunStatus::Failed, None, 0, 0));
    assert_eq!(engine.steps(id).await.len(), 1);
}
