//! Runs that are given to the workers again.

use flow_engine::prelude::*;
use flow_engine::{ErrorKind, ExecutionMode, RunStatus, StepStatus};
use uuid::Uuid;

use crate::doors::{executed, executes, open, stand_at, until_executed};
use crate::{Lab, on_both, until};

on_both!(
    a_worker_goes_on_with_a_failed_run_and_keeps_its_successes,
    a_worker_goes_on_with_an_interrupted_run,
    what_cannot_be_tried_again_is_refused,
);

#[step]
async fn retried_success(id: String) -> usize {
    executes(&id, "success")
}

#[step]
async fn retried_failure(id: String) -> Result<usize> {
    match executes(&id, "failure") {
        1 => Err("not yet".into()),
        times => Ok(times),
    }
}

#[flow]
async fn retried_below(id: String) -> Result<usize> {
    Ok(retried_failure(id).await?)
}

#[flow]
async fn retried(id: String) -> Result<usize> {
    let success = retried_success(id.clone()).await?;
    Ok(success + retried_below(id).await?)
}

#[step]
async fn retried_held(id: String) -> usize {
    executes(&id, "held");
    stand_at(&id).await;
    1
}

#[flow]
async fn retried_after(id: String) -> Result<usize> {
    Ok(retried_success(id.clone()).await? + retried_held(id).await?)
}

#[flow]
async fn retried_wait(id: String) -> Result<String> {
    let _ = id;
    Ok(flow_engine::wait_for("go").await?)
}

#[step]
async fn retried_secret(#[input(secret)] password: String) -> Result<usize> {
    Err(format!("{} characters are too few", password.len()).into())
}

async fn a_worker_goes_on_with_a_failed_run_and_keeps_its_successes(lab: &Lab) {
    let (engine, other) = (lab.engine().await, lab.engine().await);
    let id = Uuid::now_v7().to_string();
    let error = engine.execute(retried(&id)).await.unwrap_err();
    // As the error names it: the run of the sub-flow.
    let below = error.run_id().unwrap();
    let root = engine.find_run(below).await.unwrap().unwrap().root_run_id;

    engine.retry(below).await.unwrap();
    let row = engine.find_run(root).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Pending);
    assert_eq!(row.execution_mode, ExecutionMode::Background);
    assert_eq!((row.completed_at, row.error_message), (None, None));
    engine.retry(root).await.expect("twice is harmless");

    let worker = tokio::spawn(other.worker().run());
    let row = until(&engine, root, |row| row.status == RunStatus::Completed).await;
    worker.abort();
    assert_eq!(row.outputs.unwrap(), 3);
    assert_eq!((executed(&id, "success"), executed(&id, "failure")), (1, 2));
    let ends = engine.steps_of(root).await.unwrap();
    let ends: Vec<_> = ends.iter().map(|step| step.status).collect();
    assert_eq!(ends, [StepStatus::Completed]);
    // It counts as one does that never failed.
    let id = Uuid::now_v7().to_string();
    executes(&id, "failure");
    let whole = engine.execute(retried(id)).await.unwrap().run_id;
    let whole = engine.find_run(whole).await.unwrap().unwrap();
    assert_eq!(row.step_progress, whole.step_progress);
    assert!((row.progress_percentage - whole.progress_percentage).abs() < f64::EPSILON);
    let below = engine.find_run(below).await.unwrap().unwrap();
    assert_eq!(
        (below.status, below.step_progress),
        (RunStatus::Completed, 1)
    );
}

async fn a_worker_goes_on_with_an_interrupted_run(lab: &Lab) {
    let engine = lab.engine().await;
    let id = Uuid::now_v7().to_string();
    let request = engine.run(retried_after(&id));
    let run = request.id();
    let running = tokio::spawn(request.execute());
    until_executed(&id, "held", 1).await;
    let error = engine.retry(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotResumable);
    assert!(
        error.to_string().contains("it is being executed"),
        "{error}"
    );
    running.abort();
    until(&engine, run, |row| row.status == RunStatus::Interrupted).await;

    open(&id);
    engine.retry(run).await.unwrap();
    let worker = tokio::spawn(engine.worker().run());
    let row = until(&engine, run, |row| row.status == RunStatus::Completed).await;
    worker.abort();
    assert_eq!((row.outputs.unwrap(), row.step_progress), (2.into(), 2));
    assert_eq!((executed(&id, "success"), executed(&id, "held")), (1, 2));
}

async fn what_cannot_be_tried_again_is_refused(lab: &Lab) {
    let engine = lab.engine().await;
    let id = Uuid::now_v7().to_string();
    let done = engine.execute(retried_success(&id)).await.unwrap();
    let waiting = engine.run(retried_wait(&id)).enqueue().await.unwrap();
    let worker = tokio::spawn(engine.worker().run());
    until(&engine, waiting, |row| row.status == RunStatus::Waiting).await;
    worker.abort();
    let cancelled = engine.run(retried_wait(&id)).enqueue().await.unwrap();
    engine.cancel(cancelled).await.unwrap();
    for (run, reason) in [
        (
            done.run_id,
            "it has completed; `fork(…).from(step)` executes it again from a step on",
        ),
        (
            waiting,
            "it waits for a time or a signal, and goes on by itself",
        ),
        (cancelled, "it is cancelled"),
        (Uuid::now_v7(), "there is no such run"),
    ] {
        let error = engine.retry(run).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotResumable);
        let message = format!("the run {run} cannot be retried: {reason}");
        assert_eq!(error.to_string(), message);
    }
    let error = engine.execute(retried_secret("abc")).await.unwrap_err();
    let run = error.run_id().unwrap();
    let error = engine.retry(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`password`"), "{error}");
    let row = engine.find_run(run).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Failed);
}
