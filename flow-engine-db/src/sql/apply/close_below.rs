//! The end of a run closes what is open below it: nothing stays `running` that nobody runs.

use chrono::{DateTime, Utc};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, QueryResult,
    RunQueryDsl as _,
    dsl::{exists, select},
};
use uuid::Uuid;

use super::{Connection, run::run_is_open, tree::in_tree};
use crate::{
    RunStatus,
    schema::flow_runs::dsl,
    sql_types::{Id, Ts},
};

/// Cancels the open steps of `$runs`, a query of ids, as far as `$which` holds for them, and their requests. A step with an
/// effect that must not repeat is in doubt: it may have had it. A macro, since diesel's types of such queries cannot be
/// written down.
macro_rules! close_inside {
    ($connection:expr, $runs:expr, $completed_at:expr) => {
        close_inside!(
            $connection,
            $runs,
            $completed_at,
            diesel::dsl::sql::<diesel::sql_types::Bool>("TRUE")
        )
    };
    ($connection:expr, $runs:expr, $completed_at:expr, $which:expr) => {{
        use diesel::{IntoSql as _, dsl::case_when, sql_types::Text};
        use $crate::schema::{flow_step_runs, llm_requests};
        use $crate::{RequestStatus, StepStatus};
        let open_step = flow_step_runs::status
            .eq(StepStatus::Running.as_str())
            .or(flow_step_runs::status.eq(StepStatus::Pending.as_str()));
        let steps = flow_step_runs::table.filter(flow_step_runs::flow_run_id.eq_any($runs));
        diesel::update(steps.filter(open_step).filter($which))
            .set((
                flow_step_runs::status.eq(case_when(
                    flow_step_runs::once_key.is_null(),
                    StepStatus::Cancelled.as_str().into_sql::<Text>(),
                )
                .otherwise(StepStatus::InDoubt.as_str().into_sql::<Text>())),
                flow_step_runs::completed_at.eq($completed_at),
            ))
            .execute($connection)?;

        let sent = llm_requests::status.eq(RequestStatus::Sent.as_str());
        let requests = llm_requests::table.filter(llm_requests::flow_run_id.eq_any($runs));
        diesel::update(requests.filter(sent))
            .set((
                llm_requests::status.eq(RequestStatus::Cancelled.as_str()),
                llm_requests::completed_at.eq($completed_at),
            ))
            .execute($connection)?;
    }};
}

pub(super) use close_inside;

/// Closes what is open inside and below a run, as a run that ended with `status` leaves it.
pub(in super::super) fn close_below(
    connection: &mut Connection,
    id: Uuid,
    status: RunStatus,
    completed_at: DateTime<Utc>,
) -> QueryResult<()> {
    let completed_at = Some(Ts(completed_at));
    if !has_sub_runs(connection, id)? {
        let itself = || dsl::flow_runs.find(Id(id)).select(dsl::id);
        close_inside!(connection, itself(), completed_at);
        return Ok(());
    }

    let runs = || dsl::flow_runs.filter(in_tree!(id)).select(dsl::id);
    close_inside!(connection, runs(), completed_at);

    let status = match status {
        RunStatus::Interrupted => RunStatus::Interrupted,
        _ => RunStatus::Cancelled,
    };
    let below = in_tree!(id).and(dsl::id.ne(Id(id)));
    diesel::update(dsl::flow_runs.filter(below).filter(run_is_open!()))
        .set((
            dsl::status.eq(status.as_str()),
            dsl::current_step.eq(None::<&str>),
            dsl::completed_at.eq(completed_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// The runs below one that is paused are, too, as far as they are open. What is open in them is closed when they go on.
pub(in super::super) fn pause_below(connection: &mut Connection, id: Uuid) -> QueryResult<()> {
    let below = in_tree!(id).and(dsl::id.ne(Id(id)));
    diesel::update(dsl::flow_runs.filter(below).filter(run_is_open!()))
        .set((
            dsl::status.eq(RunStatus::Paused.as_str()),
            dsl::current_step.eq(None::<&str>),
        ))
        .execute(connection)?;
    Ok(())
}

/// Most runs have none, and end without the search for what is below these.
fn has_sub_runs(connection: &mut Connection, id: Uuid) -> QueryResult<bool> {
    let called = dsl::parent_run_id.eq(Id(id));
    let of_its_tree = dsl::root_run_id.eq(Id(id)).and(dsl::id.ne(Id(id)));
    let sub_runs = dsl::flow_runs.filter(called.or(of_its_tree));
    select(exists(sub_runs)).get_result(connection)
}
