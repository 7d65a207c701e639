//! The end of the doubt about a step run.

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _,
    QueryResult, RunQueryDsl as _,
    dsl::{exists, select},
};

use super::{Connection, Outcome, lease};
use crate::{
    RunStatus, StepResolve, StepStatus,
    schema::{flow_runs::dsl, flow_step_runs},
    sql_types::{Id, Json, JsonText, Ts},
};

pub(super) fn resolve(connection: &mut Connection, step: &StepResolve) -> QueryResult<Outcome> {
    // Of two that resolve the last two doubts at a time, the second sees that none is left.
    lease::lock(connection, step.root_run_id)?;
    let outcome = resolve_row(connection, step)?;
    if !matches!(outcome, Outcome::Written) {
        return Ok(outcome);
    }
    diesel::update(dsl::flow_runs.find(Id(step.root_run_id)))
        .set((
            dsl::lease_owner.eq(None::<&str>),
            dsl::lease_until.eq(None::<Ts>),
        ))
        .execute(connection)?;
    let tree = || dsl::flow_runs.filter(dsl::root_run_id.eq(Id(step.root_run_id)));
    let doubts = flow_step_runs::table
        .filter(flow_step_runs::flow_run_id.eq_any(tree().select(dsl::id)))
        .filter(flow_step_runs::status.eq(StepStatus::InDoubt.as_str()));
    if !select(exists(doubts)).get_result(connection)? {
        // One that is running was left behind by its process: who resolves has its lease.
        let stopped = dsl::status
            .eq(RunStatus::InDoubt.as_str())
            .or(dsl::status.eq(RunStatus::Running.as_str()));
        diesel::update(tree().filter(stopped))
            .set((
                dsl::status.eq(RunStatus::Interrupted.as_str()),
                dsl::completed_at.eq(Some(Ts(step.completed_at))),
                dsl::error_message.eq(None::<&str>),
            ))
            .execute(connection)?;
    }
    Ok(outcome)
}

fn resolve_row(connection: &mut Connection, step: &StepResolve) -> QueryResult<Outcome> {
    let row = || flow_step_runs::table.find(Id(step.id));
    let runs_again = step.status == StepStatus::Cancelled;
    // A failure is taken back only to run again.
    let before = if runs_again {
        StepStatus::Failed
    } else {
        StepStatus::InDoubt
    };
    let undecided = flow_step_runs::status
        .eq(StepStatus::InDoubt.as_str())
        .or(flow_step_runs::status.eq(before.as_str()));
    let resolved = diesel::update(
        row()
            .filter(flow_step_runs::once_key.is_not_null())
            .filter(undecided),
    )
    .set((
        flow_step_runs::status.eq(step.status.as_str()),
        flow_step_runs::completed_at.eq(Some(Ts(step.completed_at))),
        flow_step_runs::outputs.eq(step.outputs.as_deref().map(JsonText)),
        flow_step_runs::step_metadata.eq(step.step_metadata.as_deref().map(JsonText)),
        flow_step_runs::error_message.eq(step.error_message.as_deref()),
    ))
    .execute(connection)?;
    if resolved == 1 {
        if runs_again {
            // A row without a call key is in no journal.
            diesel::update(row())
                .set(flow_step_runs::call_key.eq(None::<&str>))
                .execute(connection)?;
        }
        return Ok(Outcome::Written);
    }
    let now: Option<(String, Option<Json>)> = row()
        .filter(flow_step_runs::once_key.is_not_null())
        .select((flow_step_runs::status, flow_step_runs::outputs))
        .first(connection)
        .optional()?;
    Ok(match now {
        Some((status, outputs))
            if status == step.status.as_str()
                && outputs.as_ref().map(|json| json.0.as_str()) == step.outputs.as_deref() =>
        {
            Outcome::Already
        }
        _ => Outcome::NotOpen {
            what: "step run in doubt",
            id: step.id,
        },
    })
}
