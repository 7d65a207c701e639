//! Lists of runs.

use diesel::{
    ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _, SelectableHelper as _,
    SqliteConnection,
};

use crate::{RunFilter, record::RunRow, schema::flow_runs::dsl, sql_types::Id};

pub(super) fn runs(
    connection: &mut SqliteConnection,
    filter: RunFilter,
) -> QueryResult<Vec<RunRow>> {
    let mut query = dsl::flow_runs.select(RunRow::as_select()).into_boxed();
    if let Some(user) = filter.user_id {
        query = query.filter(dsl::user_id.eq(Id(user)));
    }
    if let Some(status) = filter.status {
        query = query.filter(dsl::status.eq(status.as_str()));
    }
    if let Some(name) = filter.flow_name {
        query = query.filter(dsl::flow_name.eq(name));
    }
    if let Some(parent) = filter.parent_run_id {
        query = query.filter(dsl::parent_run_id.eq(Id(parent)));
    }
    if filter.roots_only {
        query = query.filter(dsl::root_run_id.eq(dsl::id));
    }
    if let Some(newer) = filter.before {
        query = query.filter(dsl::id.lt(Id(newer)));
    }
    // A UUID v7 is ordered by its time, and every index of a list ends in it: no list is sorted.
    query
        .order(dsl::id.desc())
        .limit(i64::from(filter.limit))
        .offset(i64::from(filter.offset))
        .load(connection)
}
