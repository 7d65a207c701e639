//! A run that runs again.

use chrono::Utc;
use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, RunQueryDsl as _,
    dsl::sql,
    sql_types::{BigInt, Nullable},
};
use uuid::Uuid;

use super::{Connection, Outcome, close_below::close_below, run::not_open, tree::in_tree};
use crate::{
    Lease, RunReopen, RunStatus, StepStatus,
    schema::{flow_runs::dsl, flow_step_runs},
    sql_types::{Id, JsonText, Ts},
};

/// The newest lease of the root, by its epoch.
const EPOCH: &str =
    "(SELECT root.lease_epoch FROM flow_runs AS root WHERE root.id = flow_runs.root_run_id)";

/// Whether the root run was opened under this lease already: that is done once, by the first unit under it.
pub(in super::super) fn is_opened(connection: &mut Connection, lease: Lease) -> QueryResult<bool> {
    let epoch: Option<Option<i64>> = dsl::flow_runs
        .find(Id(lease.root_run_id))
        .select(dsl::opened_epoch)
        .first(connection)
        .optional()?;
    Ok(epoch.flatten() == Some(lease.epoch))
}

/// Whether a sub-run runs that was opened under the newest lease: to close what is below it would close what it has started
/// since.
fn runs_again(connection: &mut Connection, id: Uuid) -> QueryResult<bool> {
    let sub_run = dsl::flow_runs
        .find(Id(id))
        .filter(dsl::root_run_id.ne(dsl::id))
        .filter(dsl::status.eq(RunStatus::Running.as_str()))
        .filter(dsl::opened_epoch.eq(sql::<Nullable<BigInt>>(EPOCH)))
        .select(dsl::id);
    let found: Option<Id> = sub_run.first(connection).optional()?;
    Ok(found.is_some())
}

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
    if runs_again(connection, reopen.id)? {
        return Ok(Outcome::Already);
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
            // Whatever was executed when it ended is not yet.
            dsl::current_step.eq(None::<&str>),
            dsl::completed_at.eq(None::<Ts>),
            dsl::outputs.eq(None::<JsonText<'_>>),
            dsl::error_message.eq(None::<&str>),
            dsl::wake_at.eq(None::<Ts>),
            dsl::opened_epoch.eq(sql::<Nullable<BigInt>>(EPOCH)),
            reopen
                .inputs
                .as_deref()
                .map(|inputs| dsl::inputs.eq(JsonText(inputs))),
            reopen.takeovers.map(|takeovers| {
                (
                    dsl::takeovers.eq(takeovers.count),
                    dsl::takeover_steps.eq(takeovers.steps),
                )
            }),
        ))
        .execute(connection)?;
    Ok(if reopened == 1 {
        Outcome::Written
    } else {
        not_open(reopen.id)
    })
}

/// A row without a call key is in no journal. A failure that a person has decided on stays until they decide otherwise.
pub(in super::super) fn retire_failed(connection: &mut Connection, id: Uuid) -> QueryResult<()> {
    let runs = dsl::flow_runs.filter(in_tree!(id)).select(dsl::id);
    let failed = flow_step_runs::table
        .filter(flow_step_runs::flow_run_id.eq_any(runs))
        .filter(flow_step_runs::status.eq(StepStatus::Failed.as_str()))
        .filter(flow_step_runs::once_key.is_null());
    diesel::update(failed)
        .set(flow_step_runs::call_key.eq(None::<&str>))
        .execute(connection)?;
    Ok(())
}
