//! The end of a run closes what is open below it: nothing stays `running` that nobody runs.

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult,
    RunQueryDsl as _, SqliteConnection,
};

use super::run::run_is_open;
use crate::{
    RequestStatus, RunFinish, RunStatus, StepStatus,
    schema::{flow_runs::dsl, flow_step_runs, llm_requests},
    sql_types::{Id, Ts},
};

pub(super) fn close_below(connection: &mut SqliteConnection, end: &RunFinish) -> QueryResult<()> {
    let completed_at = Some(Ts(end.completed_at));
    // For a root these are all runs of its tree, for a sub-run itself: no run has a sub-run as its
    // root.
    let runs = || {
        let tree = dsl::root_run_id.eq(Id(end.id)).or(dsl::id.eq(Id(end.id)));
        dsl::flow_runs.filter(tree).select(dsl::id)
    };

    let open_step = flow_step_runs::status
        .eq(StepStatus::Running.as_str())
        .or(flow_step_runs::status.eq(StepStatus::Pending.as_str()));
    diesel::update(
        flow_step_runs::table
            .filter(flow_step_runs::flow_run_id.eq_any(runs()))
            .filter(open_step),
    )
    .set((
        flow_step_runs::status.eq(StepStatus::Cancelled.as_str()),
        flow_step_runs::completed_at.eq(completed_at),
    ))
    .execute(connection)?;

    let sent = llm_requests::status.eq(RequestStatus::Sent.as_str());
    diesel::update(
        llm_requests::table
            .filter(llm_requests::flow_run_id.eq_any(runs()))
            .filter(sent),
    )
    .set((
        llm_requests::status.eq(RequestStatus::Cancelled.as_str()),
        llm_requests::completed_at.eq(completed_at),
    ))
    .execute(connection)?;

    let status = match end.status {
        RunStatus::Interrupted => RunStatus::Interrupted,
        _ => RunStatus::Cancelled,
    };
    let below = dsl::root_run_id.eq(Id(end.id)).and(dsl::id.ne(Id(end.id)));
    diesel::update(dsl::flow_runs.filter(below).filter(run_is_open!()))
        .set((
            dsl::status.eq(status.as_str()),
            dsl::completed_at.eq(completed_at),
        ))
        .execute(connection)?;
    Ok(())
}
