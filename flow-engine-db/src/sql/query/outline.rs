//! What there is to show of a run.

use diesel::{
    Connection as _, ExpressionMethods as _, JoinOnDsl as _, QueryDsl as _, QueryResult,
    RunQueryDsl as _, SelectableHelper as _,
};
use uuid::Uuid;

use super::super::ReadConnection;
use crate::{
    NewStep,
    record::{OutlineRunRow, OutlineStepRow},
    schema::{flow_runs, flow_step_runs},
    sql_types::Id,
};

/// In one transaction: both are read from the same snapshot.
pub(in super::super::super) fn outline(
    connection: &mut ReadConnection,
    root: Uuid,
) -> QueryResult<(Vec<OutlineRunRow>, Vec<OutlineStepRow>)> {
    connection.transaction(|connection| {
        let runs = flow_runs::table
            .filter(flow_runs::root_run_id.eq(Id(root)))
            .order((flow_runs::created_at, flow_runs::id))
            .select(OutlineRunRow::as_select())
            .load(connection)?;
        let steps = flow_step_runs::table
            .inner_join(flow_runs::table.on(flow_step_runs::flow_run_id.eq(flow_runs::id)))
            .filter(flow_runs::root_run_id.eq(Id(root)))
            .filter(flow_step_runs::kind.ne(NewStep::ENGINE))
            .order((flow_step_runs::created_at, flow_step_runs::id))
            .select(OutlineStepRow::as_select())
            .load(connection)?;
        Ok((runs, steps))
    })
}
