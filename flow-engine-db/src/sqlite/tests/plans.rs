//! How SQLite finds the rows of each query: no table is searched from end to end, and no list of runs is sorted.

mod lists;
mod reads;
mod writes;

use std::sync::{Arc, Mutex};

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection,
    connection::{Instrumentation, InstrumentationEvent, SimpleConnection as _},
    sql_types::Text,
};

use crate::sqlite::{connection, migration};

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

/// Five thousand roots with four sub-runs each, of two users, three flows and two statuses.
const ROWS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
    INSERT INTO flow_runs (id, root_run_id, parent_run_id, user_id, flow_name, status, inputs, completed_at)
    SELECT unhex(printf('%032x', i)), unhex(printf('%032x', i - i % 5)),
        CASE WHEN i % 5 > 0 THEN unhex(printf('%032x', i - i % 5)) END,
        unhex(printf('%032x', i % 2)), 'flow' || (i % 3),
        CASE WHEN i % 7 > 0 THEN 'completed' ELSE 'failed' END, '{}', i
    FROM n WHERE i >= 5;
    INSERT INTO flow_step_runs (id, flow_run_id, step_name, step_order, inputs)
        SELECT id, id, 's', 0, '{}' FROM flow_runs;
    INSERT INTO llm_requests (id, flow_run_id, step_run_id, attempt, provider, model, operation)
        SELECT id, id, id, 1, 'p', 'm', 'chat' FROM flow_runs;";

/// The statements that `ask` makes, each with how SQLite finds its rows: in a new database, where it knows nothing of
/// the tables, and in one that was analysed.
fn plans(mut ask: impl FnMut(&mut SqliteConnection)) -> Vec<(String, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let mut connection = connection::create(&path).unwrap();
    migration::run(&mut connection, &path).unwrap();
    let mut plans = Vec::new();
    for statistics in ["", "PRAGMA foreign_keys = OFF; ANALYZE;"] {
        connection.batch_execute(statistics).unwrap();
        let queries = Queries::default();
        connection.set_instrumentation(queries.clone());
        ask(&mut connection);
        connection.set_instrumentation(|_: InstrumentationEvent<'_>| {});
        let queries = std::mem::take(&mut *queries.0.lock().unwrap());
        for query in queries {
            // What was bound is behind it, as a comment.
            let text = query.split("-- binds").next().unwrap().trim();
            if !["SELECT", "UPDATE", "DELETE"]
                .iter()
                .any(|word| text.starts_with(word))
            {
                continue;
            }
            let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}"));
            let lines: Vec<Line> = explain.load(&mut connection).unwrap();
            let lines = lines.into_iter().map(|line| line.detail).collect();
            plans.push((text.to_owned(), lines));
        }
        if statistics.is_empty() {
            connection.batch_execute(ROWS).unwrap();
        }
    }
    assert!(!plans.is_empty());
    plans
}

/// `SCAN t` alone reads a table from end to end; with an index it may be the order of a list that ends early.
fn reads_a_whole_table(line: &str) -> bool {
    let tables = ["flow_runs", "flow_step_runs", "llm_requests"];
    tables.iter().any(|table| {
        line.strip_prefix("SCAN ")
            .and_then(|rest| rest.strip_prefix(table))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}
