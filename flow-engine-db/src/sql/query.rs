//! Reads, as one statement each.

mod journal;
mod outline;

pub(in super::super) use journal::{cached_step, fork, journal};
pub(in super::super) use outline::outline;

use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, RunQueryDsl as _,
    SelectableHelper as _,
};
use uuid::Uuid;

use super::{ReadConnection, list};
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
    let all = flow_runs::table.select(RunRow::as_select()).into_boxed();
    list::narrow(all, filter)
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
