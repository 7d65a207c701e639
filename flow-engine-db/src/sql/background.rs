//! Which background runs a worker takes next, whatever the database.

use std::collections::BTreeMap;

use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Integer, Text},
};
use uuid::Uuid;

use crate::{
    BackgroundFilter,
    lease::Share,
    sql_types::{Id, sql},
};

/// A run that may be taken.
#[derive(QueryableByName)]
pub(in super::super) struct Free {
    #[diesel(sql_type = sql::Id)]
    id: Id,
    #[diesel(sql_type = Integer)]
    priority: i32,
}

/// How many runs of a flow with a limit are executed.
#[derive(QueryableByName)]
pub(in super::super) struct Executed {
    #[diesel(sql_type = Text)]
    flow_name: String,
    #[diesel(sql_type = BigInt)]
    runs: i64,
}

/// The runs to be taken, in their order: as many of each flow as its limit leaves room for. What is executed is asked for only if
/// some flow has a limit.
pub(in super::super) fn first<C>(
    connection: &mut C,
    wanted: &BackgroundFilter,
    executed: impl FnOnce(&mut C) -> QueryResult<Vec<Executed>>,
    mut free: impl FnMut(&mut C, Share<'_>) -> QueryResult<Vec<Free>>,
) -> QueryResult<Vec<Uuid>> {
    let mut runs_of = BTreeMap::new();
    if !wanted.concurrency.is_empty() {
        let flows = executed(connection)?.into_iter();
        runs_of.extend(flows.map(|flow| (flow.flow_name, flow.runs)));
    }
    let mut found: Vec<(i32, Uuid)> = Vec::new();
    for share in wanted.shares(&runs_of) {
        let runs = free(connection, share)?;
        found.extend(runs.into_iter().map(|run| (run.priority, run.id.0)));
    }
    Ok(wanted.first(found))
}
