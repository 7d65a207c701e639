//! Runs that are cancelled.

use std::time::Instant;

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RequestStatus, RunFilter, RunStatus, StepStatus};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{Lab, on_both, until};

on_both!(
    a_run_is_cancelled_in_the_middle_of_a_request,
    a_run_of_another_engine_is_cancelled_in_the_middle_of_a_request,
    a_run_of_a_worker_is_cancelled_by_another_engine,
    a_queued_run_that_was_cancelled_is_never_executed,
    a_run_that_has_ended_cannot_be_cancelled,
    what_a_run_has_spawned_is_cancelled_with_it,
);

#[step(prompt = "./write.md")]
async fn write_slowly(topic: String) -> String;

#[step]
async fn measure(text: String) -> usize {
    text.len()
}

#[flow]
async fn chapter(topic: String) -> Result<String> {
    measure(topic.clone()).await?;
    Ok(write_slowly(topic).await?)
}

#[flow]
async fn book(topic: String) -> Result<String> {
    Ok(chapter(topic).await?)
}

#[flow]
async fn dictated(topic: String) -> Result<String> {
    Ok(flow_engine::spawn(write_slowly(topic)).await??)
}

type Running = JoinHandle<Result<flow_engine::FlowResult<String>, flow_engine::Error>>;

/// A run that has asked its model.
async fn asking(lab: &Lab, engine: &Engine) -> (Uuid, Running) {
    let request = engine.run(book("rain"));
    let id = request.id();
    let running = tokio::spawn(request.execute());
    lab.model.asked().await;
    (id, running)
}

async fn chapter_of(engine: &Engine, book: Uuid) -> Uuid {
    let filter = RunFilter {
        parent_run_id: Some(book),
        ..RunFilter::default()
    };
    engine.runs(filter).await.unwrap().pop().unwrap().id
}

/// The run, its sub-flow, its step and its request are cancelled, and what was done before is not.
async fn assert_cancelled(engine: &Engine, id: Uuid) {
    let row = engine.find_run(id).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Cancelled);
    assert_eq!(row.error_message.as_deref(), Some("the run was cancelled"));
    assert!(row.completed_at.is_some() && row.lease_owner.is_none());
    let chapter = chapter_of(engine, id).await;
    let row = engine.find_run(chapter).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Cancelled);
    let steps = engine.steps_of(chapter).await.unwrap();
    let ends: Vec<_> = steps.iter().map(|step| step.status).collect();
    assert_eq!(ends, [StepStatus::Completed, StepStatus::Cancelled]);
    let requests = engine.requests_of(chapter).await.unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].status, RequestStatus::Cancelled);
}

async fn cancelled_by(lab: &Lab, who: &str, engine: &Engine, by: &Engine) {
    let (id, running) = asking(lab, engine).await;
    let chapter = chapter_of(engine, id).await;
    let since = Instant::now();
    // A sub-flow stands for its root.
    by.cancel(chapter).await.unwrap();
    let on_disk = since.elapsed();
    let closed = lab.model.closed(since).await;
    println!(
        "{:?}, {who}: on disk after {on_disk:?}, the connection closed after {closed:?}",
        lab.kind
    );
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
    assert_eq!(error.run_id(), Some(id));
    assert_cancelled(by, id).await;
    by.cancel(id).await.expect("twice is harmless");
    let error = engine.resume(id).await.unwrap_err();
    assert!(error.to_string().contains("it is cancelled"), "{error}");
}

async fn a_run_is_cancelled_in_the_middle_of_a_request(lab: &Lab) {
    let engine = lab.engine().await;
    for _ in 0..3 {
        cancelled_by(lab, "the same engine", &engine, &engine).await;
    }
}

async fn a_run_of_another_engine_is_cancelled_in_the_middle_of_a_request(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    for _ in 0..3 {
        cancelled_by(lab, "another engine", &engine, &other).await;
    }
}

async fn a_run_of_a_worker_is_cancelled_by_another_engine(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let worker = tokio::spawn(engine.worker().run());
    let id = engine.run(book("snow")).enqueue().await.unwrap();
    lab.model.asked().await;
    other.cancel(id).await.unwrap();
    lab.model.closed(Instant::now()).await;
    assert_cancelled(&other, id).await;
    worker.abort();
}

async fn a_queued_run_that_was_cancelled_is_never_executed(lab: &Lab) {
    let engine = lab.engine().await;
    let id = engine.run(chapter("hail")).enqueue().await.unwrap();
    engine.cancel(id).await.unwrap();
    // What is behind it is executed.
    let next = engine.run(measure("wind")).enqueue().await.unwrap();
    let worker = tokio::spawn(engine.worker().concurrency(1).run());
    until(&engine, next, |row| row.status == RunStatus::Completed).await;
    worker.abort();
    let row = engine.find_run(id).await.unwrap().unwrap();
    assert_eq!((row.status, row.started_at), (RunStatus::Cancelled, None));
    assert!(engine.steps_of(id).await.unwrap().is_empty());
}

async fn a_run_that_has_ended_cannot_be_cancelled(lab: &Lab) {
    let engine = lab.engine().await;
    let done = engine.execute(measure("a")).await.unwrap();
    for (id, reason) in [
        (done.run_id, "it has completed"),
        (Uuid::now_v7(), "there is no such run"),
    ] {
        let error = engine.cancel(id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotResumable);
        let message = format!("the run {id} cannot be cancelled: {reason}");
        assert_eq!(error.to_string(), message);
    }
}

async fn what_a_run_has_spawned_is_cancelled_with_it(lab: &Lab) {
    let engine = lab.engine().await;
    let request = engine.run(dictated("snow"));
    let id = request.id();
    let running = tokio::spawn(request.execute());
    lab.model.asked().await;
    let since = Instant::now();
    engine.cancel(id).await.unwrap();
    lab.model.closed(since).await;
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let steps = engine.steps_of(id).await.unwrap();
    assert_eq!(steps[0].status, StepStatus::Cancelled);
}
