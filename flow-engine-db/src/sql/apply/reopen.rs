//! A run that runs again.

use chrono::Utc;
use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, RunQueryDsl as _,
};
use uuid::Uuid;

use super::{Connection, Outcome, close_below::close_below, run::not_open, tree::in_tree};
use crate::{
    RunReopen, RunStatus, StepStatus,
    schema::{flow_runs::dsl, flow_step_runs},
    sql_types::{Id, JsonText, Ts},
};

/// Nobody else works below the run any more: what is open there was left behind, and is closed
/// before the run can start anything new.
pub(super) fn reopen(connection: &mut Connection, reopen: &RunReopen) -> QueryResult<Outcome> {
    if let Some(expected) = reopen.expected {
        let status: Option<String> = dsl::flow_runs
            .find(Id(reopen.id))
            .select(dsl::status)
            .first(connection)
            .optional()?;
        if status.as_deref() != Some(expected.as_str()) {
            return Ok(not_open(reopen.id));
        }
    }
    close_below(connection, reopen.id, RunStatus::Interrupted, Utc::now())?;
    if reopen.retire_failed {
        retire_failed(connection, reopen.id)?;
    }
    // It was queued until now.
    diesel::update(
        dsl::flow_runs
            .find(Id(reopen.id))
            .filter(dsl::started_at.is_null()),
    )
    .set(dsl::started_at.eq(Some(Ts(Utc::now()))))
    .execute(connection)?;
    let reopened = diesel::update(dsl::flow_runs.find(Id(reopen.id)))
        .set((
            dsl::status.eq(RunStatus::Running.as_str()),
            dsl::completed_at.eq(None::<Ts>),
            dsl::outputs.eq(None::<JsonText<'_>>),
            dsl::error_message.eq(None::<&str>),
            reopen
                .inputs
                .as_deref()
                .map(|inputs| dsl::inputs.eq(JsonText(inputs))),
        ))
        .execute(connection)?;
    Ok(if reopened == 1 {
        Outcome::Written
    } else {
        not_open(reopen.id)
    })
}

/// A row without a call key is in no journal.
fn retire_failed(connection: &mut Connection, id: Uuid) -> QueryResult<()> {
    let runs = dsl::flow_runs.filter(in_tree!(id)).select(dsl::id);
    let failed = flow_step_runs::table
        .filter(flow_step_runs::flow_run_id.eq_any(runs))
        .filter(flow_step_runs::status.eq(StepStatus::Failed.as_str()));
    diesel::update(failed)
        .set(flow_step_runs::call_key.eq(None::<&str>))
        .execute(connection)?;
    Ok(())
}
