//! Which runs a list has, and in which order.

use diesel::{
    ExpressionMethods as _, QueryDsl as _,
    helper_types::{AsSelect, SqlTypeOf},
    sqlite::Sqlite,
};

use crate::{RunFilter, record::RunRow, schema::flow_runs, sql_types::Id};

/// A query of runs.
pub(super) type Runs<'a> = flow_runs::BoxedQuery<'a, Sqlite, SqlTypeOf<AsSelect<RunRow, Sqlite>>>;

/// Narrows a list to what the columns of an index say, newest first. A UUID v7 is ordered by its time, and every index for
/// lists ends in it: none is sorted.
pub(super) fn narrow<'a>(mut query: Runs<'a>, filter: &'a RunFilter) -> Runs<'a> {
    if let Some(user) = filter.user_id {
        query = query.filter(flow_runs::user_id.eq(Id(user)));
    }
    if let Some(status) = filter.status {
        query = query.filter(flow_runs::status.eq(status.as_str()));
    }
    if let Some(name) = &filter.flow_name {
        query = query.filter(flow_runs::flow_name.eq(name));
    }
    if let Some(parent) = filter.parent_run_id {
        query = query.filter(flow_runs::parent_run_id.eq(Id(parent)));
    }
    if filter.roots_only {
        query = query.filter(flow_runs::root_run_id.eq(flow_runs::id));
    }
    if let Some(newer) = filter.before {
        query = query.filter(flow_runs::id.lt(Id(newer)));
    }
    query.order(flow_runs::id.desc())
}
