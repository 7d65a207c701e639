//! What a resumed run reads: its journal, the cache, and what it was forked from.

use chrono::{DateTime, Utc};
use diesel::{
    BoolExpressionMethods as _, Connection as _, ExpressionMethods as _, JoinOnDsl as _,
    NullableExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult,
    RunQueryDsl as _, SelectableHelper as _, SqliteConnection,
};
use uuid::Uuid;

use super::{Readers, failed};
use crate::{
    Journal, JournalStep, RunFork, StepStatus, StoreError,
    record::{JournalRow, RequestRow, RunRow},
    schema::{flow_forks, flow_runs, flow_step_runs, llm_requests},
    sql_types::{Id, Ts},
};

impl Readers {
    pub(in crate::sqlite) async fn journal(&self, root: Uuid) -> Result<Journal, StoreError> {
        let read = move |connection: &mut SqliteConnection| read_journal(connection, root);
        let (runs, steps, requests) = self.blocking("read a journal", read).await?;
        Ok(Journal {
            runs: all(runs, RunRow::into_record)?,
            steps: all(steps, JournalRow::into_record)?,
            open_requests: all(requests, RequestRow::into_record)?,
        })
    }

    pub(in crate::sqlite) async fn cached_step(
        &self,
        cache_key: String,
        since: DateTime<Utc>,
    ) -> Result<Option<JournalStep>, StoreError> {
        let read = move |connection: &mut SqliteConnection| {
            read_cached_step(connection, &cache_key, since)
        };
        let row = self.blocking("read a cached step run", read).await?;
        row.map(JournalRow::into_record).transpose()
    }

    pub(in crate::sqlite) async fn fork(&self, run: Uuid) -> Result<Option<RunFork>, StoreError> {
        let read = move |connection: &mut SqliteConnection| read_fork(connection, run);
        self.blocking("read a fork", read).await
    }

    /// Reads on a thread that may block. `read` goes on to its end even if nobody waits for it any
    /// more, so that no connection is left inside a transaction.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        read: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection(action).await?;
        connection
            .spawn_blocking(read)
            .await
            .map_err(failed(action))
    }
}

fn all<Row, Record>(
    rows: Vec<Row>,
    into_record: impl FnMut(Row) -> Result<Record, StoreError>,
) -> Result<Vec<Record>, StoreError> {
    rows.into_iter().map(into_record).collect()
}

type JournalRows = (Vec<RunRow>, Vec<JournalRow>, Vec<RequestRow>);

/// In one transaction: all three are read from the same snapshot.
fn read_journal(connection: &mut SqliteConnection, root: Uuid) -> QueryResult<JournalRows> {
    let in_tree = || flow_runs::root_run_id.eq(Id(root));
    connection.transaction(|connection| {
        let runs = flow_runs::table
            .filter(in_tree())
            .order(flow_runs::id)
            .select(RunRow::as_select())
            .load(connection)?;
        let steps = flow_step_runs::table
            .inner_join(flow_runs::table.on(flow_step_runs::flow_run_id.eq(flow_runs::id)))
            .left_join(
                llm_requests::table
                    .on(flow_step_runs::llm_request_id.eq(llm_requests::id.nullable())),
            )
            .filter(in_tree())
            .order((flow_step_runs::created_at, flow_step_runs::id))
            .select(JournalRow::as_select())
            .load(connection)?;
        let open = flow_step_runs::status
            .eq(StepStatus::Running.as_str())
            .or(flow_step_runs::status.eq(StepStatus::Pending.as_str()));
        let requests = llm_requests::table
            .inner_join(
                flow_step_runs::table
                    .on(llm_requests::step_run_id.eq(flow_step_runs::id.nullable())),
            )
            .inner_join(flow_runs::table.on(flow_step_runs::flow_run_id.eq(flow_runs::id)))
            .filter(in_tree())
            .filter(open)
            .order((llm_requests::created_at, llm_requests::id))
            .select(RequestRow::as_select())
            .load(connection)?;
        Ok((runs, steps, requests))
    })
}

fn read_cached_step(
    connection: &mut SqliteConnection,
    cache_key: &str,
    since: DateTime<Utc>,
) -> QueryResult<Option<JournalRow>> {
    flow_step_runs::table
        .left_join(
            llm_requests::table.on(flow_step_runs::llm_request_id.eq(llm_requests::id.nullable())),
        )
        .filter(flow_step_runs::cache_key.eq(cache_key))
        .filter(flow_step_runs::completed_at.ge(Ts(since)))
        .filter(flow_step_runs::status.eq(StepStatus::Completed.as_str()))
        .filter(flow_step_runs::origin_run_id.is_null())
        .order((
            flow_step_runs::completed_at.desc(),
            flow_step_runs::id.desc(),
        ))
        .select(JournalRow::as_select())
        .first(connection)
        .optional()
}

fn read_fork(connection: &mut SqliteConnection, run: Uuid) -> QueryResult<Option<RunFork>> {
    let row: Option<ForkRow> = flow_forks::table
        .find(Id(run))
        .first(connection)
        .optional()?;
    Ok(row.map(
        |(run_id, forked_from, from_step, model, inherited_model)| RunFork {
            run_id: run_id.0,
            forked_from: forked_from.0,
            from_step,
            model,
            inherited_model,
        },
    ))
}

type ForkRow = (Id, Id, Option<String>, Option<String>, Option<String>);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use diesel::{
        QueryableByName,
        connection::{Instrumentation, InstrumentationEvent},
        sql_types::Text,
    };

    use super::*;
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
            read_cached_step(connection, "key", Utc::now()).unwrap();
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
            read_journal(connection, Uuid::now_v7()).unwrap();
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
}
