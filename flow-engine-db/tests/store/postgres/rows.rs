//! Rows that something else wrote, and texts that PostgreSQL does not take.

use std::error::Error as _;

use flow_engine_db::{
    NewStep, RequestFinish, RunFinish, RunStatus, StepFinish, StepStatus, connect,
};

use super::{Database, fresh};
use crate::conformance::{rows, tell::Tell as _};

#[tokio::test]
async fn a_value_that_cannot_be_read_is_an_error_that_names_it() {
    let database = Database::new();
    let store = connect(&database.url()).await.unwrap();
    let run = rows::started_run(&*store).await;
    database.run("UPDATE flow_engine.flow_runs SET status = 'done'");

    let error = store.run(run).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        format!("cannot read flow_runs.status of row {run}")
    );
    let source = error.source().unwrap().to_string();
    assert!(source.starts_with("unknown run status `done`"), "{source}");
}

#[tokio::test]
async fn a_row_of_other_hands_has_the_defaults_of_the_table() {
    let database = Database::new();
    let store = connect(&database.url()).await.unwrap();
    let id = uuid::Uuid::now_v7();
    database.run(&format!(
        "INSERT INTO flow_engine.flow_runs (id, root_run_id, flow_name, inputs) VALUES ('{id}', '{id}', 'f', '{{}}')"
    ));
    let run = store.run(id).await.unwrap().unwrap();
    assert_eq!(
        (
            run.status.as_str(),
            run.execution_mode.as_str(),
            run.flow_version
        ),
        ("pending", "sync", 1)
    );
    assert!((chrono::Utc::now() - run.created_at).num_seconds().abs() < 60);
}

/// JSON escapes it, and is kept as it came; a plain text cannot hold it.
#[tokio::test]
async fn the_character_that_postgres_does_not_take_costs_no_row() {
    let db = fresh().await;
    let store = &*db.store;
    let inputs = r#"{"z":1.10,  "a":"\u0000","z":2}"#;
    let run = rows::started_run(store).await;
    let step = NewStep {
        inputs: inputs.to_owned(),
        ..rows::step(run, 0)
    };
    let id = step.id;
    store.tell(vec![step.into()]).await.unwrap();
    let request = rows::sent_request(store, run, id).await;
    let answered = RequestFinish {
        response: Some("\0\0".to_owned()),
        ..rows::succeeded(request)
    };
    let failed = StepFinish {
        error_message: Some("it said \0".to_owned()),
        ..StepFinish::new(id, StepStatus::Failed)
    };
    let ended = RunFinish {
        error_message: Some("\0".to_owned()),
        ..rows::ended(run, RunStatus::Failed)
    };
    store
        .tell(vec![answered.into(), failed.into()])
        .await
        .unwrap();
    store.tell(vec![ended.into()]).await.unwrap();

    let step = store.steps(run).await.unwrap().pop().unwrap();
    assert_eq!(step.error_message.as_deref(), Some("it said \u{fffd}"));
    let request = store.request(request).await.unwrap().unwrap();
    assert_eq!(request.response.as_deref(), Some("\u{fffd}\u{fffd}"));
    let run_read = store.run(run).await.unwrap().unwrap();
    assert_eq!(run_read.error_message.as_deref(), Some("\u{fffd}"));
    assert_eq!(store.journal(run).await.unwrap().steps[0].inputs, inputs);
}
