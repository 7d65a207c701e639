//! Rows that something else wrote.

use std::error::Error as _;

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};

use flow_engine_db::{NewRun, RunFilter, StoreError};

use super::fresh;
use crate::conformance::{rows, tell::Tell as _};

#[tokio::test]
async fn a_value_that_cannot_be_read_is_an_error_that_names_it() {
    for (sql, column, cause) in [
        (
            "UPDATE flow_runs SET status = 'done'",
            "status",
            "unknown run status `done`, expected one of: pending, ",
        ),
        (
            "UPDATE flow_runs SET inputs = '{'",
            "inputs",
            "EOF while parsing",
        ),
    ] {
        let db = fresh().await;
        let run = rows::started_run(&*db.store).await;
        SqliteConnection::establish(db.store.location())
            .unwrap()
            .batch_execute(sql)
            .unwrap();

        let error = db.store.run(run).await.unwrap_err();

        assert_eq!(
            error.to_string(),
            format!("cannot read flow_runs.{column} of row {run}")
        );
        let source = error.source().unwrap().to_string();
        assert!(source.starts_with(cause), "{source}");
    }
}

/// A page is refused as a whole, and the error says how to get past the row.
#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_hide_the_others() {
    let db = fresh().await;
    let older = rows::started_run(&*db.store).await;
    let deep = NewRun {
        inputs: format!("{}{}", "[".repeat(128), "]".repeat(128)),
        ..rows::run()
    };
    let unreadable = deep.id;
    db.store.tell(vec![deep.into()]).await.unwrap();
    let newer = rows::started_run(&*db.store).await;
    let page = |before, limit| {
        let filter = RunFilter {
            before,
            limit,
            ..RunFilter::default()
        };
        db.store.runs(filter)
    };

    let refused = page(None, 50).await.unwrap_err();

    assert!(matches!(
        refused,
        StoreError::Unreadable { table: "flow_runs", column: "inputs", id, .. } if id == unreadable
    ));
    assert_eq!(page(None, 1).await.unwrap()[0].id, newer);
    assert_eq!(page(Some(unreadable), 50).await.unwrap()[0].id, older);
}

#[tokio::test]
async fn a_row_of_other_hands_has_the_defaults_of_the_table() {
    let db = fresh().await;
    let id = uuid::Uuid::now_v7();
    let hex = id.simple();
    let sql = format!(
        "INSERT INTO flow_runs (id, root_run_id, flow_name, inputs)
             VALUES (x'{hex}', x'{hex}', 'f', '{{}}')"
    );
    SqliteConnection::establish(db.store.location())
        .unwrap()
        .batch_execute(&sql)
        .unwrap();

    let run = db.store.run(id).await.unwrap().unwrap();

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
