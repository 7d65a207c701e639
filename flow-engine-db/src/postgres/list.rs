//! Which runs a list has, and in which order.
//!
//! `WHERE user_id = … ORDER BY id DESC LIMIT 50` leaves PostgreSQL a choice: an index that begins with the user, or all runs by
//! their id, of which it takes those of the user. It takes these to lie everywhere alike, and so prefers all runs for whoever
//! has many; if the newest are of somebody else, it reads a table for a page. So the list is ordered by the first column
//! that is asked for, too. That column is compared with an array of one: of what is equal to a constant the planner knows
//! that it orders nothing, and leaves it out again.

use diesel::{
    ExpressionMethods as _, QueryDsl as _,
    helper_types::{AsSelect, SqlTypeOf},
    pg::Pg,
};

use crate::{RunFilter, RunStatus, record::RunRow, schema::flow_runs, sql_types::Id};

/// A query of runs.
pub(super) type Runs<'a> = flow_runs::BoxedQuery<'a, Pg, SqlTypeOf<AsSelect<RunRow, Pg>>>;

/// Narrows a list to what the columns of an index say, newest first. A UUID v7 is ordered by its time, and every index for
/// lists ends in it: none is sorted.
pub(super) fn narrow<'a>(query: Runs<'a>, filter: &'a RunFilter) -> Runs<'a> {
    let mut query = query.order(flow_runs::id.desc());
    let mut first = true;
    // In the order of the columns of the indexes.
    macro_rules! narrow {
        ($column:ident, $value:expr) => {
            if let Some(value) = $value {
                query = if std::mem::take(&mut first) {
                    query
                        .filter(flow_runs::$column.eq_any([value]))
                        .order((flow_runs::$column.desc(), flow_runs::id.desc()))
                } else {
                    query.filter(flow_runs::$column.eq(value))
                };
            }
        };
    }
    narrow!(parent_run_id, filter.parent_run_id.map(Id));
    narrow!(user_id, filter.user_id.map(Id));
    narrow!(flow_name, filter.flow_name.as_deref());
    narrow!(status, filter.status.map(RunStatus::as_str));
    if filter.roots_only {
        // As the indexes of roots say it. Of `root_run_id = id` PostgreSQL has no statistics.
        query = query.filter(flow_runs::parent_run_id.is_null());
    }
    if let Some(newer) = filter.before {
        query = query.filter(flow_runs::id.lt(Id(newer)));
    }
    query
}
