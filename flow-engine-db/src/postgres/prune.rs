//! What is kept no longer: old runs, and the artifacts that only they named.

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl as _, sql_query,
    sql_types::{Array, BigInt, Text},
};

use super::Connection;
use crate::{
    PruneFilter,
    sql_types::{Ts, sql},
};

/// The foreign keys delete what is below the roots. A run whose lease lasts is about to run again, and so is one that
/// somebody writes right now.
const PRUNE: &str = "
    WITH old AS MATERIALIZED (
        SELECT id FROM flow_runs
        WHERE root_run_id = id AND status = ANY ($1) AND completed_at < $2
            AND (lease_until IS NULL OR lease_until <= clock_timestamp())
        LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM flow_runs AS run USING old WHERE run.id = old.id";

/// Deletes root runs, and says how many.
pub(super) fn prune(connection: &mut Connection, filter: &PruneFilter) -> QueryResult<usize> {
    let statuses: Vec<&str> = filter
        .statuses
        .iter()
        .map(|status| status.as_str())
        .collect();
    sql_query(PRUNE)
        .bind::<Array<Text>, _>(statuses)
        .bind::<sql::Ts, _>(Ts(filter.ended_before))
        .bind::<BigInt, _>(i64::from(filter.limit))
        .execute(connection)
}

const FREE: &str = "
    SELECT DISTINCT artifact FROM run_artifacts AS free
    WHERE run_id IS NULL AND artifact > $1 AND NOT EXISTS (
        SELECT 1 FROM run_artifacts AS named WHERE named.artifact = free.artifact AND named.run_id IS NOT NULL)
    ORDER BY artifact LIMIT $2";

#[derive(QueryableByName)]
struct Free {
    #[diesel(sql_type = Text)]
    artifact: String,
}

pub(super) fn free_artifacts(
    connection: &mut Connection,
    after: &str,
    limit: u32,
) -> QueryResult<Vec<String>> {
    let free: Vec<Free> = sql_query(FREE)
        .bind::<Text, _>(after)
        .bind::<BigInt, _>(i64::from(limit))
        .load(connection)?;
    Ok(free.into_iter().map(|row| row.artifact).collect())
}

const FORGET: &str = "DELETE FROM run_artifacts WHERE run_id IS NULL AND artifact = ANY ($1)";

pub(super) fn forget_artifacts(
    connection: &mut Connection,
    artifacts: &[String],
) -> QueryResult<()> {
    sql_query(FORGET)
        .bind::<Array<Text>, _>(artifacts)
        .execute(connection)?;
    Ok(())
}
