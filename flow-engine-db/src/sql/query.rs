//! Reads, as one statement each.

mod journal;

pub(in super::super) use journal::{cached_step, fork, journal};

use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, RunQueryDsl as _,
    SelectableHelper as _,
};
use uuid::Uuid;

use super::ReadConnection;
use crate::{
    RunFilter,
    record::{RequestRow, RunRow, StepRow},
    schema::{flow_runs, flow_step_runs, llm_requests},
    sql_types::Id,
};

pub(in super::super) fn run(
    connection: &mut ReadConnection,
    id: Uuid,
) -> QueryResult<Option<RunRow>> {
    flow_runs::table
        .find(Id(id))
        .select(RunRow::as_select())
        .first(connection)
        .optional()
}

pub(in super::super) fn runs(
    connection: &mut ReadConnection,
    filter: &RunFilter,
) -> QueryResult<Vec<RunRow>> {
    let mut query = flow_runs::table.select(RunRow::as_select()).into_boxed();
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
    // A UUID v7 is ordered by its time, and every index above ends in it: no list is sorted.
    query
        .order(flow_runs::id.desc())
        .limit(i64::from(filter.limit))
        .offset(i64::from(filter.offset))
        .load(connection)
}

pub(in super::super) fn steps(
    connection: &mut ReadConnection,
    run_id: Uuid,
) -> QueryResult<Vec<StepRow>> {
    flow_step_runs::table
        .filter(flow_step_runs::flow_run_id.eq(Id(run_id)))
        .order((flow_step_runs::step_order, flow_step_runs::id))
        .select(StepRow::as_select())
        .load(connection)
}

pub(in super::super) fn requests(
    connection: &mut ReadConnection,
    run_id: Uuid,
) -> QueryResult<Vec<RequestRow>> {
    llm_requests::table
        .filter(llm_requests::flow_run_id.eq(Id(run_id)))
        .order((llm_requests::created_at, llm_requests::id))
        .select(RequestRow::as_select())
        .load(connection)
}

pub(in super::super) fn request(
    connection: &mut ReadConnection,
    id: Uuid,
) -> QueryResult<Option<RequestRow>> {
    llm_requests::table
        .find(Id(id))
        .select(RequestRow::as_select())
        .first(connection)
        .optional()
}
