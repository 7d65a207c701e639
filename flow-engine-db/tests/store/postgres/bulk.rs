//! What is written together, as arrays, reads back as what is written alone.

use chrono::{DateTime, Utc};
use flow_engine_db::{
    FlowRun, FlowStepRun, LlmRequest, NewRequest, NewStep, Progress, RequestFinish, RequestStatus,
    RunProgress, StepFinish, StepStatus, Store, Write,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fresh;
use crate::conformance::{rows, tell::Tell as _};

fn text<T: From<String>>(name: &str) -> T {
    name.to_owned().into()
}

/// A step in whose row every column has a value of its own, none its default.
fn step(run: Uuid) -> NewStep {
    NewStep {
        step_order: 7,
        kind: "structured".to_owned(),
        inputs: r#"{"a":"inputs"}"#.to_owned(),
        created_at: rows::time(1),
        call_key: text("call_key"),
        key_algorithm: text("key_algorithm"),
        content_hash: text("content_hash"),
        schema_hash: text("schema_hash"),
        code_hash: text("code_hash"),
        scope: text("scope"),
        miss_reason: text("miss_reason"),
        compared_with: Some(Uuid::from_u128(1)),
        origin_run_id: Some(Uuid::from_u128(2)),
        cache_key: text("cache_key"),
        previous_key: text("previous_key"),
        once_key: text("once_key"),
        ..NewStep::new(Uuid::now_v7(), run, "name", 7)
    }
}

fn step_end(step: Uuid, request: Uuid) -> StepFinish {
    StepFinish {
        completed_at: rows::time(2),
        execution_time_ms: Some(3),
        outputs: text(r#"{"a":"outputs"}"#),
        step_metadata: text(r#"{"a":"step_metadata"}"#),
        tokens_used: 4,
        cost_estimate: Some(0.5),
        llm_request_id: Some(request),
        error_message: text("error_message"),
        ..StepFinish::new(step, StepStatus::Failed)
    }
}

fn request(run: Uuid, step: Uuid) -> NewRequest {
    NewRequest {
        attempt: 6,
        prompt_id: text("prompt_id"),
        schema_hash: text("schema_hash"),
        request: text(r#"{"a":"request"}"#),
        created_at: rows::time(4),
        ..NewRequest::new(Uuid::now_v7(), run, step, "provider", "model", "operation")
    }
}

fn request_end(request: Uuid) -> RequestFinish {
    RequestFinish {
        completed_at: rows::time(5),
        model_served: text("model_served"),
        response: text("response"),
        finish_reason: text("finish_reason"),
        input_tokens: Some(7),
        cached_tokens: Some(8),
        output_tokens: Some(9),
        reasoning_tokens: Some(10),
        cost_nano_usd: Some(11),
        price_version: text("price_version"),
        latency_ms: Some(12),
        http_status: Some(13),
        provider_request_id: text("provider_request_id"),
        error_kind: text("error_kind"),
        error_message: text("error_message"),
        ..RequestFinish::new(request, RequestStatus::Failed)
    }
}

/// A row as JSON without what names it and others.
fn nameless(row: impl serde::Serialize) -> Value {
    let mut row = serde_json::to_value(row).unwrap();
    for id in ["id", "step_run_id", "llm_request_id"] {
        if let Some(value) = row.get_mut(id) {
            *value = json!(!value.is_null());
        }
    }
    row
}

async fn all(store: &dyn Store, run: Uuid) -> (Vec<Value>, Vec<Value>) {
    let steps: Vec<FlowStepRun> = store.steps(run).await.unwrap();
    let requests: Vec<LlmRequest> = store.requests(run).await.unwrap();
    (
        steps.into_iter().map(nameless).collect(),
        requests.into_iter().map(nameless).collect(),
    )
}

/// Writes `writes`, each in a unit of its own or all in one, and gives the rows as they are then.
async fn written(
    store: &dyn Store,
    run: Uuid,
    together: bool,
    writes: Vec<Write>,
) -> (Vec<Value>, Vec<Value>) {
    if together {
        store.tell(writes).await.unwrap();
    } else {
        for write in writes {
            store.tell(vec![write]).await.unwrap();
        }
    }
    all(store, run).await
}

#[tokio::test]
async fn what_is_written_together_is_what_is_written_alone() {
    let db = fresh().await;
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let mut seen: Vec<Vec<(Vec<Value>, Vec<Value>)>> = Vec::new();
    for together in [false, true] {
        let run = if together {
            rows::started_run(store).await
        } else {
            run
        };
        let steps = [step(run), step(run)];
        let requests = [request(run, steps[0].id), request(run, steps[1].id)];
        let step_ends = [0, 1].map(|n| step_end(steps[n].id, requests[n].id));
        let request_ends = requests.clone().map(|request| request_end(request.id));
        let mut stages = Vec::new();
        for stage in [
            steps.map(Write::from).to_vec(),
            requests.map(Write::from).to_vec(),
            request_ends.map(Write::from).to_vec(),
            step_ends.map(Write::from).to_vec(),
        ] {
            stages.push(written(store, run, together, stage).await);
        }
        seen.push(stages);
    }
    let without_run = |rows: &[Value]| -> Vec<Value> {
        let mut rows = rows.to_vec();
        for row in &mut rows {
            row["flow_run_id"] = Value::Null;
        }
        rows
    };
    for (alone, together) in seen[0].iter().zip(&seen[1]) {
        assert_eq!(without_run(&alone.0), without_run(&together.0));
        assert_eq!(without_run(&alone.1), without_run(&together.1));
    }
    let (steps, requests) = seen[1].last().unwrap();
    assert_eq!((steps.len(), requests.len()), (2, 2));
    // Only the note of a replay has no write above.
    let empty = |row: &Value| {
        row.as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| value.is_null())
            .count()
    };
    assert_eq!((empty(&steps[0]), empty(&requests[0])), (1, 0));

    // Started and ended at once, twice: the same rows.
    let whole = rows::started_run(store).await;
    let steps = [step(whole), step(whole)];
    let requests = [request(whole, steps[0].id), request(whole, steps[1].id)];
    let mut unit: Vec<Write> = steps.clone().map(Write::from).to_vec();
    unit.extend(requests.clone().map(Write::from));
    unit.extend(
        requests
            .clone()
            .map(|request| request_end(request.id).into()),
    );
    unit.extend([0, 1].map(|n| Write::from(step_end(steps[n].id, requests[n].id))));
    let (whole_steps, whole_requests) = written(store, whole, true, unit).await;
    let (steps, requests) = seen[0].last().unwrap();
    assert_eq!(without_run(steps), without_run(&whole_steps));
    assert_eq!(without_run(requests), without_run(&whole_requests));
}

fn progress(run: Uuid, last_heartbeat: DateTime<Utc>) -> Write {
    let progress = Progress {
        current_step: text("current"),
        step_progress: 3,
        progress_percentage: 37.5,
        total_tokens: 5,
        total_cost: 0.25,
        unpriced_requests: 6,
    };
    RunProgress {
        id: run,
        progress,
        last_heartbeat,
    }
    .into()
}

#[tokio::test]
async fn the_progress_of_several_runs_is_that_of_each() {
    let db = fresh().await;
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let [one, two, three] = [
        rows::started_sub_run(store, root, root).await,
        rows::started_sub_run(store, root, root).await,
        rows::started_sub_run(store, root, root).await,
    ];
    store
        .tell(vec![progress(one, rows::time(1))])
        .await
        .unwrap();
    let both = [two, three].map(|run| progress(run, rows::time(1)));
    store.tell(both.to_vec()).await.unwrap();

    let read = async |run| {
        let run: FlowRun = store.run(run).await.unwrap().unwrap();
        let mut row = nameless(&run);
        for time in ["created_at", "started_at"] {
            row[time] = Value::Null;
        }
        row
    };
    let expected = read(one).await;
    assert_eq!(expected["current_step"], "current");
    assert_eq!(read(two).await, expected);
    assert_eq!(read(three).await, expected);
}
