//! How SQLite finds the rows of each read.

use std::sync::{Arc, Mutex};

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection,
    connection::{Instrumentation, InstrumentationEvent},
    sql_types::Text,
};

use chrono::Utc;
use uuid::Uuid;

use crate::sqlite::{connection, migration, sql::query};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(Clone, Default)]
struct Queries(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Queries {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            self.0.lock().unwrap().push(query.to_string());
        }
    }
}

/// How SQLite finds the rows of each query that `read` makes.
fn plans(read: impl FnOnce(&mut SqliteConnection)) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let mut connection = connection::create(&path).unwrap();
    migration::run(&mut connection, &path).unwrap();
    let queries = Queries::default();
    connection.set_instrumentation(queries.clone());
    read(&mut connection);
    let queries = std::mem::take(&mut *queries.0.lock().unwrap());

    let mut plan = |query: &String| {
        let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}"));
        let lines: Vec<Line> = explain.load(&mut connection).unwrap();
        lines.into_iter().map(|line| line.detail).collect()
    };
    let selects = queries.iter().filter(|query| query.starts_with("SELECT"));
    selects.map(&mut plan).collect()
}

#[test]
fn a_cached_step_is_found_by_its_index() {
    let plans = plans(|connection| {
        query::cached_step(connection, "key", Utc::now()).unwrap();
    });
    assert_eq!(plans.len(), 1);
    assert_eq!(
        plans[0][0],
        "SEARCH flow_step_runs USING INDEX flow_step_runs_cache_key \
         (cache_key=? AND completed_at>?)"
    );
}

#[test]
fn no_table_is_searched_from_end_to_end_for_a_journal() {
    let plans = plans(|connection| {
        query::journal(connection, Uuid::now_v7()).unwrap();
    });
    assert_eq!(plans.len(), 3);
    for plan in plans {
        assert!(plan[0].contains("flow_runs_root_run_id"), "{plan:#?}");
        assert!(
            plan.iter().all(|line| !line.starts_with("SCAN")),
            "{plan:#?}"
        );
    }
}
