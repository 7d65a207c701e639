//! A run from its start to its end.

use flow_engine_db::{ExecutionMode, NewRun, Progress, RunFinish, RunProgress, RunStatus};
use serde_json::json;
use uuid::Uuid;

use super::{Fresh, rows, tell::Tell as _};

pub(crate) async fn every_column_of_a_run_is_read_back(db: Fresh) {
    let store = &*db.store;
    let root = rows::started_run(store).await;
    let user = Uuid::now_v7();
    let new = NewRun {
        user_id: Some(user),
        status: RunStatus::Pending,
        execution_mode: ExecutionMode::Background,
        total_steps: Some(4),
        created_at: rows::time(0),
        started_at: Some(rows::time(1)),
        flow_metadata: Some(r#"{"tags":["a","ü"]}"#.to_owned()),
        root_run_id: root,
        parent_run_id: Some(root),
        flow_version: 7,
        build: Some("abc123".to_owned()),
        idempotency_key: Some("order-1".to_owned()),
        priority: -3,
        start_at: Some(rows::time(2)),
        scope: Some("chapters[2]".to_owned()),
        ..rows::run()
    };
    let id = new.id;
    let progress = Progress {
        current_step: Some("summarize".to_owned()),
        step_progress: 2,
        progress_percentage: 50.5,
        total_tokens: 5_000_000_000,
        total_cost: 0.1 + 0.2,
        unpriced_requests: 3,
    };
    store.tell(vec![new.into()]).await.unwrap();
    store
        .tell(vec![
            RunProgress {
                id,
                progress: progress.clone(),
                last_heartbeat: rows::time(3),
            }
            .into(),
        ])
        .await
        .unwrap();
    let finish = RunFinish {
        completed_at: rows::time(4),
        execution_time_ms: Some(6_000_000_000),
        outputs: Some(r#"[1,null,"x"]"#.to_owned()),
        error_message: Some("it's “broken”".to_owned()),
        ..RunFinish::new(id, RunStatus::Failed, progress)
    };
    store.tell(vec![finish.into()]).await.unwrap();

    let read = serde_json::to_value(store.run(id).await.unwrap().unwrap()).unwrap();
    assert_eq!(
        read,
        json!({
            "id": id,
            "user_id": user,
            "flow_name": "article",
            "status": "failed",
            "execution_mode": "background",
            "current_step": "summarize",
            "step_progress": 2,
            "total_steps": 4,
            "progress_percentage": 50.5,
            "created_at": rows::time(0),
            "started_at": rows::time(1),
            "completed_at": rows::time(4),
            "last_heartbeat": rows::time(3),
            "total_tokens": 5_000_000_000_i64,
            "total_cost": 0.1 + 0.2,
            "execution_time_ms": 6_000_000_000_i64,
            "inputs": {"topic": "rust"},
            "outputs": [1, null, "x"],
            "flow_metadata": {"tags": ["a", "ü"]},
            "error_message": "it's “broken”",
            "root_run_id": root,
            "parent_run_id": root,
            "flow_version": 7,
            "build": "abc123",
            "idempotency_key": "order-1",
            "priority": -3,
            "start_at": rows::time(2),
            "lease_owner": null,
            "lease_epoch": 0,
            "lease_until": null,
            "unpriced_requests": 3,
            "scope": "chapters[2]",
            "wake_at": null,
            "takeovers": 0,
            "takeover_steps": 0,
        })
    );
}

pub(crate) async fn a_run_without_options_has_empty_columns(db: Fresh) {
    let new = NewRun {
        created_at: rows::time(0),
        started_at: None,
        status: RunStatus::Pending,
        lease: None,
        ..rows::run()
    };
    let id = new.id;
    db.store.tell(vec![new.into()]).await.unwrap();

    let run = db.store.run(id).await.unwrap().unwrap();
    assert!(run.is_root());
    assert_eq!(
        (run.status, run.execution_mode),
        (RunStatus::Pending, ExecutionMode::Sync)
    );
    assert_eq!((run.user_id, run.parent_run_id), (None, None));
    assert_eq!((run.lease_owner, run.lease_until), (None, None));
    assert_eq!(
        (
            run.started_at,
            run.completed_at,
            run.last_heartbeat,
            run.start_at
        ),
        (None, None, None, None)
    );
    assert_eq!(
        (run.outputs, run.flow_metadata, run.error_message),
        (None, None, None)
    );
    assert_eq!(
        (
            run.step_progress,
            run.total_tokens,
            run.total_cost,
            run.unpriced_requests
        ),
        (0, 0, 0.0, 0)
    );
}

pub(crate) async fn progress_is_absolute(db: Fresh) {
    let store = &*db.store;
    let id = rows::started_run(store).await;
    let update = |steps: i32| RunProgress {
        id,
        progress: Progress {
            step_progress: steps,
            total_tokens: i64::from(steps) * 10,
            ..Progress::default()
        },
        last_heartbeat: rows::time(i64::from(steps)),
    };
    store
        .tell(vec![update(1).into(), update(2).into(), update(3).into()])
        .await
        .unwrap();
    store.tell(vec![update(3).into()]).await.unwrap();

    let run = store.run(id).await.unwrap().unwrap();
    assert_eq!((run.step_progress, run.total_tokens), (3, 30));
    assert_eq!(run.last_heartbeat, Some(rows::time(3)));
}

pub(crate) async fn a_run_that_is_not_there_is_none(db: Fresh) {
    let id = Uuid::now_v7();
    assert_eq!(db.store.run(id).await.unwrap(), None);
    assert_eq!(db.store.steps(id).await.unwrap(), []);
    assert_eq!(db.store.requests(id).await.unwrap(), []);
}

pub(crate) async fn starting_a_run_twice_leaves_it_as_it_is(db: Fresh) {
    let new = rows::run();
    let id = new.id;
    db.store.tell(vec![new.clone().into()]).await.unwrap();
    db.store
        .tell(vec![rows::ended(id, RunStatus::Completed).into()])
        .await
        .unwrap();

    db.store.tell(vec![new.into()]).await.unwrap();

    assert_eq!(rows::status_of(&*db.store, id).await, RunStatus::Completed);
}
