//! What a run leaves in the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use flow_engine::prelude::*;
use flow_engine::{ExecutionMode, RequestStatus, RunStatus, StepStatus};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Draft, TestEngine, count_words, engine, review};

/// A completed run of three steps, for a user, with metadata.
async fn reviewed(engine: &TestEngine, user: Uuid) -> Uuid {
    let request = engine
        .run(review("rain"))
        .user(user)
        .metadata(json!({ "ticket": 7 }));
    let id = request.id();
    assert_eq!(
        request.execute().await.unwrap().run_id,
        id,
        "the id is known before the run starts"
    );
    id
}

#[tokio::test]
async fn a_completed_run_leaves_its_row() {
    let engine = engine().await;
    let user = Uuid::now_v7();
    let id = reviewed(&engine, user).await;
    let run = engine.row(id).await;
    assert_eq!(
        (run.flow_name.as_str(), run.status),
        ("review", RunStatus::Completed)
    );
    assert_eq!(
        (run.execution_mode, run.user_id),
        (ExecutionMode::Sync, Some(user))
    );
    assert_eq!(run.inputs, json!({ "topic": "rain" }));
    assert_eq!(
        run.outputs,
        Some(json!([{ "stars": 4, "reason": "it is short" }, 3]))
    );
    assert_eq!(run.flow_metadata, Some(json!({ "ticket": 7 })));
    assert_eq!(
        (run.step_progress, run.total_steps, run.current_step.clone()),
        (3, Some(3), None)
    );
    assert!((run.progress_percentage - 100.0).abs() < f64::EPSILON);
    assert_eq!(
        (
            run.root_run_id,
            run.parent_run_id,
            run.error_message.clone()
        ),
        (id, None, None)
    );
    assert!(run.created_at <= run.started_at.unwrap());
    assert!(run.started_at.unwrap() <= run.completed_at.unwrap());
    assert!(run.execution_time_ms.is_some() && run.last_heartbeat.is_some());
    assert_eq!(
        run.unpriced_requests, 2,
        "what has no known price is counted"
    );
}

#[tokio::test]
async fn its_steps_are_there_in_the_order_in_which_they_started() {
    let engine = engine().await;
    let id = reviewed(&engine, Uuid::now_v7()).await;
    let steps = engine.steps(id).await;
    let shown: Vec<_> = steps
        .iter()
        .map(|step| (step.step_order, step.step_name.as_str(), step.kind.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (1, "draft", "unstructured"),
            (2, "rate", "structured"),
            (3, "count_words", "task")
        ]
    );
    assert!(
        steps
            .iter()
            .all(|step| step.status == StepStatus::Completed)
    );
    assert!(
        steps
            .iter()
            .all(|step| step.completed_at.is_some() && step.execution_time_ms.is_some())
    );
    assert_eq!(steps[0].inputs, json!({ "topic": "rain", "tone": "dry" }));
    assert_eq!(steps[0].outputs, Some(json!("one two three")));
    assert_eq!(
        steps[0].step_metadata,
        Some(json!({ "provider": "mock", "model": "test-model" }))
    );
    assert_eq!(
        (steps[0].cost_estimate, steps[2].cost_estimate),
        (None, Some(0.0))
    );
    assert!(steps[0].tokens_used > 0 && steps[2].tokens_used == 0);
    let tokens: i64 = steps.iter().map(|step| step.tokens_used).sum();
    assert_eq!(engine.row(id).await.total_tokens, tokens);
}

#[tokio::test]
async fn its_requests_hold_what_was_sent_and_what_came_back() {
    let engine = engine().await;
    let id = reviewed(&engine, Uuid::now_v7()).await;
    let steps = engine.steps(id).await;
    let requests = engine.requests_of(id).await.unwrap();
    assert_eq!(requests.len(), 2);
    for (request, step) in requests.iter().zip(&steps) {
        assert_eq!(
            (request.step_run_id, step.llm_request_id),
            (Some(step.id), Some(request.id))
        );
        assert_eq!(
            (request.status, request.attempt),
            (RequestStatus::Succeeded, 1)
        );
        assert_eq!(
            (request.provider.as_str(), request.model.as_str()),
            ("mock", "test-model")
        );
        assert_eq!(request.finish_reason.as_deref(), Some("stop"));
        assert_eq!(request.cost_nano_usd, None, "an unknown price is not 0");
        assert_eq!(
            request.input_tokens.unwrap() + request.output_tokens.unwrap(),
            step.tokens_used
        );
    }
    let body = requests[0].request.as_ref().unwrap();
    assert_eq!(
        body["messages"][1],
        json!({ "role": "user", "content": "Write about rain." })
    );
    assert_eq!(
        requests[1].response.as_deref(),
        Some(r#"{"stars":4,"reason":"it is short"}"#)
    );
    assert_eq!(
        requests[0].prompt_id.as_deref(),
        Draft::definition().prompt().map(flow_engine::Prompt::id)
    );
}

/// Set once the step below has returned.
static RETURNED: AtomicBool = AtomicBool::new(false);

#[flow]
async fn one_step() -> Result<()> {
    count_words("a").await?;
    RETURNED.store(true, Ordering::Release);
    Ok(())
}

#[tokio::test]
async fn a_step_returns_once_it_is_on_disk_and_not_before() {
    let engine = engine().await;
    let mut other = SqliteConnection::establish(engine.database()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let running = tokio::spawn(engine.execute(one_step()));
    // While another process holds the file, nothing can be written.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(
        !RETURNED.load(Ordering::Acquire),
        "the step's end is not on disk yet"
    );
    other.batch_execute("COMMIT").unwrap();
    let id = running.await.unwrap().unwrap().run_id;
    assert!(RETURNED.load(Ordering::Acquire));
    let run = engine.row(id).await;
    assert!(
        (run.progress_percentage - 100.0).abs() < f64::EPSILON,
        "also without a total"
    );
    assert_eq!((run.total_steps, run.step_progress), (None, 1));
}
