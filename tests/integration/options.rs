//! What the options of a step do: `retries`, `timeout`, `strict`, parameters.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use flow_engine::llm::{LlmError, LlmErrorKind, LlmResponse, MockBackend, OutputFormat};
use flow_engine::prelude::*;
use flow_engine::{ErrorKind, RequestStatus, StepStatus};
use serde_json::json;

use crate::support::engine_with;

#[step(prompt = "./prompts/any.md", retries = 2)]
async fn persist(text: String) -> String;

#[step(prompt = "./prompts/any.md", timeout = "50ms")]
async fn hurry(text: String) -> String;

#[step(prompt = "./prompts/any.md", strict = false)]
async fn count(text: String) -> Vec<HashMap<String, u32>>;

static TRIES: AtomicU32 = AtomicU32::new(0);

#[step(retries = 1)]
async fn unsteady(fails: u32) -> Result<u32> {
    let before = TRIES.fetch_add(1, Ordering::Relaxed);
    if before < fails {
        return Err(format!("try {before} failed").into());
    }
    Ok(before)
}

#[step(timeout = "50ms")]
async fn sleep_long() {
    tokio::time::sleep(Duration::from_mins(1)).await;
}

fn busy() -> LlmError {
    LlmError::new(LlmErrorKind::Transient, "the server is down")
        .with_retry_after(Some(Duration::from_millis(1)))
}

/// A model that is busy a few times, and then answers.
fn busy_model(times: u32, error: fn() -> LlmError) -> MockBackend {
    let asked = Arc::new(AtomicU32::new(0));
    MockBackend::new().on("persist", move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) < times {
            Err(error())
        } else {
            Ok(LlmResponse::text("done"))
        }
    })
}

#[tokio::test]
async fn a_request_is_sent_again_as_often_as_the_step_says() {
    let mock = busy_model(2, busy);
    let engine = engine_with(mock.clone()).await;
    let done = engine.execute(persist("x")).await.unwrap();
    assert_eq!(done.output_content, "done");
    let statuses = engine.requests_of(done.run_id).await.unwrap();
    let statuses: Vec<_> = statuses.iter().map(|request| request.status).collect();
    assert_eq!(
        statuses,
        [
            RequestStatus::Failed,
            RequestStatus::Failed,
            RequestStatus::Succeeded
        ]
    );
    assert_eq!(engine.steps(done.run_id).await.len(), 1);

    let mock = busy_model(3, busy);
    let engine = engine_with(mock.clone()).await;
    let error = engine.execute(persist("x")).await.unwrap_err();
    assert_eq!(error.llm().unwrap().kind(), LlmErrorKind::Transient);
    assert_eq!(mock.requests().len(), 3);
}

#[tokio::test]
async fn a_request_that_would_fail_again_is_not_sent_again() {
    for error in [
        || LlmError::new(LlmErrorKind::InvalidRequest, "no"),
        || LlmError::new(LlmErrorKind::Authentication, "no"),
        || LlmError::new(LlmErrorKind::Refused, "no"),
    ] {
        let mock = busy_model(1, error);
        let engine = engine_with(mock.clone()).await;
        engine.execute(persist("x")).await.unwrap_err();
        assert_eq!(mock.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_task_is_tried_again_as_often_as_it_says() {
    let engine = engine_with(MockBackend::new()).await;
    let error = engine.execute(unsteady(2)).await.unwrap_err();
    assert!(format!("{error:#}").ends_with("try 1 failed"), "{error:#}");
    assert_eq!(TRIES.load(Ordering::Relaxed), 2);
    TRIES.store(0, Ordering::Relaxed);
    let done = engine.execute(unsteady(1)).await.unwrap();
    assert_eq!(done.output_content, 1);
    assert_eq!(engine.steps(done.run_id).await.len(), 1);
}

#[tokio::test]
async fn a_step_ends_when_its_time_is_over() {
    let mock = MockBackend::new()
        .answer("hurry", "late")
        .delay(Duration::from_mins(1));
    let engine = engine_with(mock).await;
    let model_step = engine.execute(hurry("x")).await.unwrap_err();
    let task = engine.execute(sleep_long()).await.unwrap_err();
    for error in [model_step, task] {
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(
            format!("{error:#}").ends_with("the step took longer than its timeout of 50ms"),
            "{error:#}"
        );
        let run = error.run_id().unwrap();
        assert_eq!(engine.steps(run).await[0].status, StepStatus::Failed);
        let requests = engine.requests_of(run).await.unwrap();
        let open = requests
            .iter()
            .filter(|request| request.status != RequestStatus::Cancelled);
        assert_eq!(open.count(), 0);
    }
    engine.assert_nothing_runs().await;
}

#[tokio::test]
async fn a_step_that_is_not_strict_takes_what_its_type_takes() {
    let mock = MockBackend::new().answer("count", json!({ "value": [{ "rain": 2 }] }));
    let engine = engine_with(mock.clone()).await;
    let done = engine.execute(count("rain and rain")).await.unwrap();
    assert_eq!(done.output_content[0]["rain"], 2);
    let OutputFormat::JsonSchema { schema, strict, .. } = &mock.requests()[0].format else {
        panic!("it is structured")
    };
    assert!(!strict);
    assert_eq!(schema["required"], json!(["value"]));
    let reference = schema["properties"]["value"]["$ref"].as_str().unwrap();
    let list = schema.pointer(reference.trim_start_matches('#')).unwrap();
    assert_eq!(list["type"], "array");
}
