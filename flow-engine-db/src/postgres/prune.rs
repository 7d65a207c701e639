//! What is kept no longer: old runs, and the artifacts that only they named.

use diesel::{
    QueryResult, RunQueryDsl as _, sql_query,
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
