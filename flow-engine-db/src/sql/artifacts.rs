//! Artifacts that no run names any more.

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl as _, sql_query,
    sql_types::{BigInt, Text},
};

use super::Connection;

/// The parameters are written in a way that both databases read, in the order in which they are bound.
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

pub(crate) fn free(
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
