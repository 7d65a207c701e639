//! Rows that the scenarios write.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine_db::{
    LeaseTerm, NewRequest, NewRun, NewStep, Progress, RequestFinish, RequestStatus, RunFinish,
    RunStatus, StepFinish, StepStatus, Store,
};
use uuid::Uuid;

use super::tell::Tell as _;

/// A fixed time and `millis` after it, with the microseconds that must survive.
pub(crate) fn time(millis: i64) -> DateTime<Utc> {
    let base: DateTime<Utc> = "2026-03-04T05:06:07.123456Z".parse().unwrap();
    base + TimeDelta::milliseconds(millis)
}

/// Who executes the runs of the scenarios that are not about that.
pub(crate) fn term() -> LeaseTerm {
    LeaseTerm {
        owner: Uuid::from_u128(1),
        duration: Duration::from_hours(1),
    }
}

/// A run that this process executes.
pub(crate) fn run() -> NewRun {
    NewRun {
        lease: Some(term()),
        ..NewRun::new(Uuid::now_v7(), "article", r#"{"topic":"rust"}"#)
    }
}

/// A run that `parent` called, in the tree of `root`.
pub(crate) fn sub_run(parent: Uuid, root: Uuid) -> NewRun {
    NewRun {
        root_run_id: root,
        parent_run_id: Some(parent),
        ..run()
    }
}

pub(crate) fn step(run: Uuid, order: i32) -> NewStep {
    NewStep::new(Uuid::now_v7(), run, "summarize", order)
}

pub(crate) fn request(run: Uuid, step: Uuid) -> NewRequest {
    NewRequest::new(Uuid::now_v7(), run, step, "openai", "gpt-5-mini", "chat")
}

pub(crate) fn completed(step: Uuid) -> StepFinish {
    StepFinish {
        outputs: Some(r#"{"n":1}"#.to_owned()),
        ..StepFinish::new(step, StepStatus::Completed)
    }
}

pub(crate) fn succeeded(request: Uuid) -> RequestFinish {
    RequestFinish::new(request, RequestStatus::Succeeded)
}

pub(crate) fn ended(run: Uuid, status: RunStatus) -> RunFinish {
    RunFinish::new(run, status, Progress::default())
}

pub(crate) async fn started_run(store: &dyn Store) -> Uuid {
    let run = run();
    let id = run.id;
    store.tell(vec![run.into()]).await.unwrap();
    id
}

/// A run that waits for a worker.
pub(crate) async fn queued_run(store: &dyn Store) -> Uuid {
    let run = NewRun {
        status: RunStatus::Pending,
        lease: None,
        ..run()
    };
    let id = run.id;
    store.tell(vec![run.into()]).await.unwrap();
    id
}

pub(crate) async fn interrupted_run(store: &dyn Store) -> Uuid {
    let run = started_run(store).await;
    let end = ended(run, RunStatus::Interrupted);
    store.tell(vec![end.into()]).await.unwrap();
    run
}

pub(crate) async fn started_sub_run(store: &dyn Store, parent: Uuid, root: Uuid) -> Uuid {
    let run = sub_run(parent, root);
    let id = run.id;
    store.tell(vec![run.into()]).await.unwrap();
    id
}

pub(crate) async fn started_step(store: &dyn Store, run: Uuid, order: i32) -> Uuid {
    let step = step(run, order);
    let id = step.id;
    store.tell(vec![step.into()]).await.unwrap();
    id
}

pub(crate) async fn sent_request(store: &dyn Store, run: Uuid, step: Uuid) -> Uuid {
    let request = request(run, step);
    let id = request.id;
    store.tell(vec![request.into()]).await.unwrap();
    id
}

pub(crate) async fn status_of(store: &dyn Store, run: Uuid) -> RunStatus {
    store.run(run).await.unwrap().unwrap().status
}
