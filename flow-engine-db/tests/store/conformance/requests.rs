//! An attempt from its request to its answer.

use flow_engine_db::{NewRequest, RequestFinish, RequestStatus, RunStatus, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

/// An attempt with every column set, and what is read back of it.
fn full(run: Uuid, step: Uuid) -> (NewRequest, RequestFinish, Value) {
    let new = NewRequest {
        attempt: 2,
        prompt_id: Some("ab12".to_owned()),
        schema_hash: Some("cd34".to_owned()),
        request: Some(r#"{"messages":[{"role":"user","content":"hi\n\"you\""}]}"#.to_owned()),
        created_at: rows::time(0),
        ..rows::request(run, step)
    };
    let finish = RequestFinish {
        status: RequestStatus::Failed,
        completed_at: rows::time(7),
        model_served: Some("gpt-5-mini-2026".to_owned()),
        response: Some("not { json".to_owned()),
        finish_reason: Some("length".to_owned()),
        input_tokens: Some(10),
        cached_tokens: Some(4),
        output_tokens: Some(20),
        reasoning_tokens: Some(8),
        cost_nano_usd: Some(12_345_678_901),
        price_version: Some("2026-01".to_owned()),
        latency_ms: Some(700),
        http_status: Some(429),
        provider_request_id: Some("req_1".to_owned()),
        error_kind: Some("rate_limited".to_owned()),
        error_message: Some("slow down".to_owned()),
        ..rows::succeeded(new.id)
    };
    let read = json!({
        "id": new.id,
        "flow_run_id": run,
        "step_run_id": step,
        "attempt": 2,
        "status": "failed",
        "provider": "openai",
        "model": "gpt-5-mini",
        "model_served": "gpt-5-mini-2026",
        "operation": "chat",
        "prompt_id": "ab12",
        "schema_hash": "cd34",
        "request": {"messages": [{"role": "user", "content": "hi\n\"you\""}]},
        "response": "not { json",
        "finish_reason": "length",
        "input_tokens": 10,
        "cached_tokens": 4,
        "output_tokens": 20,
        "reasoning_tokens": 8,
        "cost_nano_usd": 12_345_678_901_i64,
        "price_version": "2026-01",
        "latency_ms": 700,
        "http_status": 429,
        "provider_request_id": "req_1",
        "error_kind": "rate_limited",
        "error_message": "slow down",
        "created_at": rows::time(0),
        "completed_at": rows::time(7),
    });
    (new, finish, read)
}

pub(crate) async fn every_column_of_a_request_is_read_back(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    let (new, finish, expected) = full(run, step);

    store.tell(vec![new.into()]).await.unwrap();
    let open = store.requests(run).await.unwrap().remove(0);
    assert_eq!(
        (open.status, open.completed_at, open.cost_nano_usd),
        (RequestStatus::Sent, None, None)
    );

    store.tell(vec![finish.into()]).await.unwrap();
    let read = store.requests(run).await.unwrap().remove(0);
    assert_eq!(store.request(read.id).await.unwrap().as_ref(), Some(&read));
    assert_eq!(serde_json::to_value(read).unwrap(), expected);
}

pub(crate) async fn a_request_that_is_not_there_is_none(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    rows::sent_request(store, run, step).await;
    assert_eq!(store.request(Uuid::now_v7()).await.unwrap(), None);
}

pub(crate) async fn a_request_sent_and_answered_at_once_is_the_same_row(db: Fresh) {
    let run = rows::started_run(&*db.store).await;
    let step = rows::started_step(&*db.store, run, 0).await;
    let (new, finish, expected) = full(run, step);

    db.store
        .tell(vec![new.into(), finish.into()])
        .await
        .unwrap();

    let read = db.store.requests(run).await.unwrap().remove(0);
    assert_eq!(serde_json::to_value(read).unwrap(), expected);
}

pub(crate) async fn requests_are_read_in_the_order_they_were_sent(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    for millis in [20, 0, 10] {
        let request = NewRequest {
            created_at: rows::time(millis),
            ..rows::request(run, step)
        };
        store.tell(vec![request.into()]).await.unwrap();
    }
    let sent: Vec<_> = store
        .requests(run)
        .await
        .unwrap()
        .iter()
        .map(|request| request.created_at)
        .collect();
    assert_eq!(sent, [rows::time(0), rows::time(10), rows::time(20)]);
}

pub(crate) async fn a_cancelled_request_takes_an_answer_that_comes_late(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    let request = rows::sent_request(store, run, step).await;
    store
        .tell(vec![rows::ended(run, RunStatus::Cancelled).into()])
        .await
        .unwrap();
    assert_eq!(
        store.requests(run).await.unwrap()[0].status,
        RequestStatus::Cancelled
    );

    let paid = RequestFinish {
        cost_nano_usd: Some(5),
        ..rows::succeeded(request)
    };
    store.tell(vec![paid.into()]).await.unwrap();

    let read = store.requests(run).await.unwrap().remove(0);
    assert_eq!(
        (read.status, read.cost_nano_usd),
        (RequestStatus::Succeeded, Some(5))
    );
}

pub(crate) async fn an_answered_request_takes_no_second_answer(db: Fresh) {
    let store = &*db.store;
    let run = rows::started_run(store).await;
    let step = rows::started_step(store, run, 0).await;
    let request = rows::sent_request(store, run, step).await;
    store
        .tell(vec![rows::succeeded(request).into()])
        .await
        .unwrap();

    store
        .tell(vec![rows::succeeded(request).into()])
        .await
        .expect("the same finish twice is harmless");
    for status in [RequestStatus::Failed, RequestStatus::Cancelled] {
        let error = store
            .tell(vec![RequestFinish::new(request, status).into()])
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::NotOpen { what: "llm request", id } if id == request));
    }
    assert_eq!(
        store.requests(run).await.unwrap()[0].status,
        RequestStatus::Succeeded
    );
}
