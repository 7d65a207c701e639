//! Runs that are paused.

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RunFilter, RunStatus, StepStatus};
use futures::future::try_join4;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::doors::{executed, executes, is_open, open, stand_at, until_executed};
use crate::{Lab, eventually, on_both, until};

on_both!(
    what_is_under_way_ends_before_a_run_is_paused,
    a_run_of_another_engine_is_paused,
    a_queued_run_that_is_paused_is_not_taken,
    a_run_that_waits_is_paused,
    a_run_that_has_ended_cannot_be_paused,
);

#[step]
async fn paused_held(id: String, part: u32) -> u32 {
    executes(&id, "held");
    stand_at(&id).await;
    part
}

#[step(once, key = "{id}")]
async fn paused_effect(id: String) -> u32 {
    executes(&id, "effect");
    stand_at(&id).await;
    4
}

#[step]
async fn paused_inner(id: String) -> usize {
    executes(&id, "inner")
}

/// Calls a step, and a flow, when the pause was asked for already.
#[step]
async fn paused_outer(id: String) -> Result<usize> {
    executes(&id, "outer");
    stand_at(&id).await;
    Ok(paused_inner(id).await?)
}

#[step]
async fn paused_after(id: String, sum: u32) -> u32 {
    executes(&id, "after");
    sum
}

#[flow]
async fn paused_below(id: String, part: u32) -> Result<u32> {
    let held = paused_held(id.clone(), part).await?;
    Ok(paused_after(id, held).await?)
}

#[flow]
async fn paused(id: String) -> Result<u32> {
    let (one, two, four, _) = try_join4(
        paused_held(id.clone(), 1).into_future(),
        paused_below(id.clone(), 2).into_future(),
        paused_effect(id.clone()).into_future(),
        paused_outer(id.clone()).into_future(),
    )
    .await?;
    Ok(paused_after(id, one + two + four).await?)
}

#[step]
async fn paused_tick(id: String, number: usize) -> bool {
    let _ = number;
    executes(&id, "tick");
    !is_open(&id)
}

#[flow]
async fn paused_ticks(id: String) -> Result<usize> {
    let mut number = 0;
    while paused_tick(id.clone(), number).await? {
        number += 1;
    }
    Ok(number)
}

#[flow]
async fn paused_wait(id: String) -> Result<String> {
    executes(&id, "wait");
    Ok(flow_engine::wait_for("go").await?)
}

type Running<T> = JoinHandle<Result<flow_engine::FlowResult<T>, flow_engine::Error>>;

async fn assert_paused<T: std::fmt::Debug>(engine: &Engine, run: Uuid, running: Running<T>) {
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Paused, "{error:?}");
    assert_eq!(error.run_id(), Some(run));
    let row = engine.find_run(run).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Paused);
    assert_eq!(row.error_message.as_deref(), Some("the run was paused"));
    assert_eq!((row.lease_owner, row.completed_at), (None, None));
    for step in engine.steps_of(run).await.unwrap() {
        assert_eq!(step.status, StepStatus::Completed, "{}", step.step_name);
    }
}

async fn what_is_under_way_ends_before_a_run_is_paused(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let id = Uuid::now_v7().to_string();
    let request = engine.run(paused(&id));
    let run = request.id();
    let running = tokio::spawn(request.execute());
    until_executed(&id, "held", 2).await;
    until_executed(&id, "effect", 1).await;
    until_executed(&id, "outer", 1).await;
    engine.pause(run).await.unwrap();
    engine.pause(run).await.expect("twice is harmless");
    let row = engine.find_run(run).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Running, "steps are under way");

    open(&id);
    assert_paused(&engine, run, running).await;
    let steps = engine.steps_of(run).await.unwrap();
    assert_eq!(steps.len(), 4);
    let filter = RunFilter {
        parent_run_id: Some(run),
        ..RunFilter::default()
    };
    let below = engine.runs(filter).await.unwrap().pop().unwrap();
    assert_eq!(below.status, RunStatus::Paused);
    assert_eq!(engine.steps_of(below.id).await.unwrap().len(), 1);
    assert_eq!(executed(&id, "after"), 0);
    engine.pause(run).await.expect("it is paused");

    // No worker takes it.
    let next = engine.run(paused_inner("next")).enqueue().await.unwrap();
    let worker = tokio::spawn(engine.worker().concurrency(1).run());
    until(&engine, next, |row| row.status == RunStatus::Completed).await;
    worker.abort();
    assert_eq!(executed(&id, "after"), 0);
    let resumed = other.resume(run).await.unwrap();
    assert_eq!(resumed.output::<u32>().unwrap(), 7);
    let all = ["held", "effect", "outer", "inner", "after"].map(|step| executed(&id, step));
    assert_eq!(all, [2, 1, 1, 1, 2], "what was done is not done again");
}

async fn a_run_of_another_engine_is_paused(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let id = Uuid::now_v7().to_string();
    let request = engine.run(paused_ticks(&id));
    let run = request.id();
    let running = tokio::spawn(request.execute());
    until_executed(&id, "tick", 3).await;
    other.pause(run).await.unwrap();
    assert_paused(&other, run, running).await;
    let ticks = executed(&id, "tick");
    assert_eq!(other.steps_of(run).await.unwrap().len(), ticks);

    open(&id);
    other.retry(run).await.unwrap();
    let worker = tokio::spawn(other.worker().run());
    let row = until(&engine, run, |row| row.status == RunStatus::Completed).await;
    worker.abort();
    assert_eq!(row.outputs.unwrap(), ticks);
    assert_eq!(executed(&id, "tick"), ticks + 1);
    assert_eq!(usize::try_from(row.step_progress).unwrap(), ticks + 1);
}

async fn a_queued_run_that_is_paused_is_not_taken(lab: &Lab) {
    let engine = lab.engine().await;
    let id = Uuid::now_v7().to_string();
    let run = engine.run(paused_inner(&id)).enqueue().await.unwrap();
    engine.pause(run).await.unwrap();
    let row = engine.find_run(run).await.unwrap().unwrap();
    assert_eq!((row.status, row.started_at), (RunStatus::Paused, None));
    let next = engine.run(paused_inner("next")).enqueue().await.unwrap();
    let worker = tokio::spawn(engine.worker().concurrency(1).run());
    until(&engine, next, |row| row.status == RunStatus::Completed).await;
    assert_eq!(executed(&id, "inner"), 0);
    engine.retry(run).await.unwrap();
    let row = until(&engine, run, |row| row.status == RunStatus::Completed).await;
    assert!(row.started_at.is_some());
    worker.abort();
}

async fn a_run_that_waits_is_paused(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let id = Uuid::now_v7().to_string();
    let run = engine.run(paused_wait(&id)).enqueue().await.unwrap();
    let worker = tokio::spawn(engine.worker().run());
    until(&engine, run, |row| row.status == RunStatus::Waiting).await;
    other.pause(run).await.unwrap();
    let row = engine.find_run(run).await.unwrap().unwrap();
    assert_eq!((row.status, row.wake_at), (RunStatus::Paused, None));
    // What it is told is kept for when it goes on.
    engine.signal(run, "go", &"now").await.unwrap();
    let next = engine.run(paused_inner("next")).enqueue().await.unwrap();
    until(&engine, next, |row| row.status == RunStatus::Completed).await;
    assert_eq!(executed(&id, "wait"), 1);
    engine.retry(run).await.unwrap();
    let row = until(&engine, run, |row| row.status == RunStatus::Completed).await;
    assert_eq!(row.outputs.unwrap(), "now");
    worker.abort();

    // In memory.
    let id = Uuid::now_v7().to_string();
    let request = engine.run(paused_wait(&id));
    let run = request.id();
    let running = tokio::spawn(request.execute());
    until_executed(&id, "wait", 1).await;
    eventually(|| async { engine.find_run(run).await.unwrap().is_some() }).await;
    until(&engine, run, |row| row.status == RunStatus::Running).await;
    engine.pause(run).await.unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Paused, "{error:?}");
    other.signal(run, "go", &"later").await.unwrap();
    let resumed = other.resume(run).await.unwrap();
    assert_eq!(resumed.output::<String>().unwrap(), "later");
}

async fn a_run_that_has_ended_cannot_be_paused(lab: &Lab) {
    let engine = lab.engine().await;
    let done = engine.execute(paused_inner("done")).await.unwrap();
    let cancelled = engine.run(paused_inner("gone")).enqueue().await.unwrap();
    engine.cancel(cancelled).await.unwrap();
    for (run, reason) in [
        (done.run_id, "it has completed"),
        (cancelled, "it is cancelled"),
        (Uuid::now_v7(), "there is no such run"),
    ] {
        let error = engine.pause(run).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotResumable);
        let message = format!("the run {run} cannot be paused: {reason}");
        assert_eq!(error.to_string(), message);
    }
}
