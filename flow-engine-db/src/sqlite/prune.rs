//! What is kept no longer: old runs, and the artifacts that only they named.

use chrono::Utc;
use diesel::{
    QueryResult, RunQueryDsl as _, SqliteConnection, sql_query,
    sql_types::{BigInt, Text},
};

use crate::{
    PruneFilter,
    sql_types::{Ts, sql},
};

/// The foreign keys delete what is below the roots. A run whose lease lasts is about to run again.
const PRUNE: &str = "
    DELETE FROM flow_runs WHERE id IN (
        SELECT id FROM flow_runs INDEXED BY flow_runs_ended
        WHERE root_run_id = id AND status IN (SELECT value FROM json_each(?1)) AND completed_at < ?2
            AND (lease_until IS NULL OR lease_until <= ?3)
        LIMIT ?4
    )";

/// Deletes root runs, and says how many.
pub(super) fn prune(connection: &mut SqliteConnection, filter: &PruneFilter) -> QueryResult<usize> {
    let statuses: Vec<&str> = filter
        .statuses
        .iter()
        .map(|status| status.as_str())
        .collect();
    sql_query(PRUNE)
        .bind::<Text, _>(serde_json::json!(statuses).to_string())
        .bind::<sql::Ts, _>(Ts(filter.ended_before))
        .bind::<sql::Ts, _>(Ts(Utc::now()))
        .bind::<BigInt, _>(i64::from(filter.limit))
        .execute(connection)
}

const FORGET: &str = "
    DELETE FROM run_artifacts WHERE run_id IS NULL AND artifact IN (SELECT value FROM json_each(?1))";

pub(super) fn forget_artifacts(
    connection: &mut SqliteConnection,
    artifacts: &[String],
) -> QueryResult<()> {
    sql_query(FORGET)
        .bind::<Text, _>(serde_json::json!(artifacts).to_string())
        .execute(connection)?;
    Ok(())
}
