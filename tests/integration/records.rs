//! What a run leaves in the database.

use flow_engine::{ExecutionMode, RequestStatus, RunStatus, StepStatus};
use serde_json::json;
use uuid::Uuid;

use crate::support::{engine, review};

#[tokio::test]
async fn a_completed_run_leaves_its_row_its_steps_and_its_requests() {
    let engine = engine().await;
    let user = Uuid::now_v7();
    let request = engine.run(review("rain")).user(user).metadata(json!({ "ticket": 7 }));
    let id = request.id();
    let done = request.execute().await.unwrap();
    assert_eq!(done.run_id, id);

    let run = engine.row(id).await;
    assert_eq!((run.flow_name.as_str(), run.status), ("review", RunStatus::Completed));
    assert_eq!((run.execution_mode, run.user_id), (ExecutionMode::Sync, Some(user)));
    assert_eq!(run.inputs, json!({ "topic": "rain" }));
    assert_eq!(run.outputs, Some(json!([{ "stars": 4, "reason": "it is short" }, 3])));
    assert_eq!(run.flow_metadata, Some(json!({ "ticket": 7 })));
    assert_eq!((run.step_progress, run.total_steps, run.current_step.clone()), (3, Some(3), None));
    assert!((run.progress_percentage - 100.0).abs() < f64::EPSILON);
    assert_eq!((run.root_run_id, run.parent_run_id, run.error_message.clone()), (id, None, None));
    assert!(run.started_at.unwrap() <= run.completed_at.unwrap());
    assert!(run.execution_time_ms.is_some() && run.last_heartbeat.is_some());
    assert_eq!(run.unpriced_requests, 2);

    let steps = engine.steps(id).await;
    let names: Vec<_> = steps.iter().map(|step| (step.step_order, step.step_name.as_str(), step.kind.as_str())).collect();
    assert_eq!(names, [(1, "draft", "unstructured"), (2, "rate", "structured"), (3, "count_words", "task")]);
    assert!(steps.iter().all(|step| step.status == StepStatus::Completed && step.completed_at.is_some()));
    assert_eq!(steps[0].inputs, json!({ "topic": "rain", "tone": "dry" }));
    assert_eq!(steps[0].outputs, Some(json!("one two three")));
    assert_eq!(steps[0].step_metadata, Some(json!({ "provider": "mock", "model": "test-model" })));
    assert_eq!((steps[0].cost_estimate, steps[2].cost_estimate), (None, Some(0.0)));
    assert!(steps[0].tokens_used > 0 && steps[2].tokens_used == 0);
    let tokens: i64 = steps.iter().map(|step| step.tokens_used).sum();
    assert_eq!(run.total_tokens, tokens);
    assert_eq!(i64::try_from(done.metadata.tokens_used).unwrap(), tokens);

    let requests = engine.requests_of(id).await.unwrap();
    assert_eq!(requests.len(), 2);
    assert_eq!(steps[0].llm_request_id, Some(requests[0].id));
    assert_eq!(steps[1].llm_request_id, Some(requests[1].id));
    assert_eq!((requests[0].step_run_id, requests[0].attempt), (steps[0].id, 1));
    assert_eq!((requests[0].status, requests[0].finish_reason.as_deref()), (RequestStatus::Succeeded, Some("stop")));
    assert_eq!((requests[0].provider.as_str(), requests[0].model.as_str()), ("mock", "test-model"));
    assert_eq!(requests[0].cost_nano_usd, None, "an unknown price is not 0");
    let body = requests[0].request.as_ref().unwrap();
    assert_eq!(body["messages"][1], json!({ "role": "user", "content": "Write about rain." }));
    assert_eq!(requests[1].response.as_deref(), Some(r#"{"stars":4,"reason":"it is short"}"#));
    assert_eq!(requests[0].prompt_id.as_deref().map(str::len), Some(64));
    let sum = requests.iter().map(|request| request.input_tokens.unwrap() + request.output_tokens.unwrap()).sum::<i64>();
    assert_eq!(sum, tokens);
}
