//! What is decided of runs from outside, whoever executes them.

use chrono::Utc;
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use super::{
    Connection, ReadConnection,
    apply::{close_below, pause_below, retire_failed},
    lease,
};
use crate::{
    ExecutionMode, Lease, NewestLease, RunStatus,
    schema::flow_runs::dsl,
    sql_types::{Id, JsonText, Ts},
};

/// The columns of a run that nobody has any more, and that has not ended: what is submitted under its last lease is refused.
macro_rules! stands_still {
    () => {
        (
            dsl::completed_at.eq(None::<Ts>),
            dsl::current_step.eq(None::<&str>),
            dsl::wake_at.eq(None::<Ts>),
            dsl::lease_owner.eq(None::<&str>),
            dsl::lease_epoch.eq(dsl::lease_epoch + 1),
            dsl::lease_until.eq(None::<Ts>),
            dsl::pause_requested.eq(false),
        )
    };
}

/// Ends a root run that has not ended, and takes its lease away from whoever has it. Gives the status in which it was, if there
/// is such a root run.
pub(in super::super) fn cancel(
    connection: &mut Connection,
    root: Uuid,
    message: &str,
) -> QueryResult<Option<String>> {
    // Locked: what is written under the lease at this moment is written before, or refused.
    let Some(status) = lease::lock(connection, root)? else {
        return Ok(None);
    };
    let ended = [
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ];
    if ended.iter().any(|ended| status == ended.as_str()) {
        return Ok(Some(status));
    }
    let now = Utc::now();
    diesel::update(dsl::flow_runs.find(Id(root)))
        .set((
            dsl::status.eq(RunStatus::Cancelled.as_str()),
            dsl::completed_at.eq(Some(Ts(now))),
            dsl::error_message.eq(Some(message)),
            dsl::current_step.eq(None::<&str>),
            dsl::lease_owner.eq(None::<&str>),
            dsl::lease_epoch.eq(dsl::lease_epoch + 1),
            dsl::lease_until.eq(None::<Ts>),
        ))
        .execute(connection)?;
    close_below(connection, root, RunStatus::Cancelled, now)?;
    Ok(Some(status))
}

/// Queues a root run that nobody executes for the workers, unless there is nothing for them to do. Gives the status in which it
/// was, and whether somebody has it, if there is such a root run.
pub(in super::super) fn retry(
    connection: &mut Connection,
    root: Uuid,
) -> QueryResult<Option<(String, bool)>> {
    let Some(status) = lease::lock(connection, root)? else {
        return Ok(None);
    };
    let is_held = lease::is_held(connection, root)?;
    let is = |other: RunStatus| status == other.as_str();
    let goes_on = is(RunStatus::Running) || is(RunStatus::Interrupted) || is(RunStatus::Paused);
    if is_held || !(goes_on || is(RunStatus::Failed)) {
        return Ok(Some((status, is_held)));
    }
    if is(RunStatus::Failed) {
        retire_failed(connection, root)?;
    }
    // What a killed process left open below is closed by who opens the run, with what that has cost.
    diesel::update(dsl::flow_runs.find(Id(root)))
        .set((
            dsl::status.eq(RunStatus::Pending.as_str()),
            dsl::execution_mode.eq(ExecutionMode::Background.as_str()),
            dsl::outputs.eq(None::<JsonText<'_>>),
            dsl::error_message.eq(None::<&str>),
            stands_still!(),
        ))
        .execute(connection)?;
    Ok(Some((status, is_held)))
}

/// Pauses a root run that nobody executes, and asks who executes one to pause it. Gives the status in which it was, and whether
/// somebody has it, if there is such a root run.
pub(in super::super) fn pause(
    connection: &mut Connection,
    root: Uuid,
    message: &str,
) -> QueryResult<Option<(String, bool)>> {
    // Locked: a run that is parked at this moment is found parked here, or finds that it is to be paused.
    let Some(status) = lease::lock(connection, root)? else {
        return Ok(None);
    };
    let is_held = lease::is_held(connection, root)?;
    let is = |other: RunStatus| status == other.as_str();
    let stands = is(RunStatus::Pending) || is(RunStatus::Waiting) || is(RunStatus::Interrupted);
    if is(RunStatus::Running) && is_held {
        diesel::update(dsl::flow_runs.find(Id(root)))
            .set(dsl::pause_requested.eq(true))
            .execute(connection)?;
    } else if stands || is(RunStatus::Running) {
        // Who has just taken it, and has not begun, finds that it is gone.
        diesel::update(dsl::flow_runs.find(Id(root)))
            .set((
                dsl::status.eq(RunStatus::Paused.as_str()),
                dsl::error_message.eq(Some(message)),
                stands_still!(),
            ))
            .execute(connection)?;
        pause_below(connection, root)?;
    }
    Ok(Some((status, is_held)))
}

/// The newest lease of each of these root runs that is there, and whether who has it is to pause the run.
pub(in super::super) fn newest_leases(
    connection: &mut ReadConnection,
    roots: &[Uuid],
) -> QueryResult<Vec<NewestLease>> {
    let newest = super::in_pieces(roots, |some| {
        dsl::flow_runs
            .filter(dsl::id.eq_any(some))
            .select((dsl::id, dsl::lease_epoch, dsl::pause_requested))
            .load::<(Id, i64, bool)>(connection)
    })?;
    let lease = |(id, epoch, pause_requested): (Id, i64, bool)| NewestLease {
        lease: Lease {
            root_run_id: id.0,
            epoch,
        },
        pause_requested,
    };
    Ok(newest.into_iter().map(lease).collect())
}
