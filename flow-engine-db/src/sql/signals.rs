//! What is told to runs from outside.

use std::time::Duration;

use diesel::{
    ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _, SelectableHelper as _,
};
use uuid::Uuid;

use super::{Connection, ReadConnection, in_pieces, lease, lease_end};
use crate::{
    LeaseTerm, NewSignal, RunStatus,
    record::SignalRow,
    schema::{flow_runs, flow_signals},
    sql_types::{Id, JsonText, Ts},
};

/// Keeps a signal, and lets the run go on if it waits. Gives the run's status, if there is such a root run.
pub(super) fn tell(connection: &mut Connection, signal: &NewSignal) -> QueryResult<Option<String>> {
    // Locked: a run that says at this moment that it waits either finds the signal, or is found waiting here.
    let Some(status) = lease::lock(connection, signal.root_run_id)? else {
        return Ok(None);
    };
    let is = |other: RunStatus| status == other.as_str();
    if is(RunStatus::Completed) || is(RunStatus::Cancelled) {
        return Ok(Some(status));
    }
    diesel::insert_into(flow_signals::table)
        .values((
            flow_signals::id.eq(Id(signal.id)),
            flow_signals::root_run_id.eq(Id(signal.root_run_id)),
            flow_signals::name.eq(&signal.name),
            flow_signals::payload.eq(JsonText(&signal.payload)),
            flow_signals::created_at.eq(Ts(signal.created_at)),
        ))
        .on_conflict(flow_signals::id)
        .do_nothing()
        .execute(connection)?;
    if is(RunStatus::Waiting) {
        let now = LeaseTerm {
            owner: Uuid::nil(),
            duration: Duration::ZERO,
        };
        diesel::update(flow_runs::table.find(Id(signal.root_run_id)))
            .set(flow_runs::wake_at.eq(lease_end!(Some(now))))
            .execute(connection)?;
    }
    Ok(Some(status))
}

pub(super) fn of_run(
    connection: &mut ReadConnection,
    root_run_id: Uuid,
) -> QueryResult<Vec<SignalRow>> {
    flow_signals::table
        .filter(flow_signals::root_run_id.eq(Id(root_run_id)))
        .order(flow_signals::id)
        .select(SignalRow::as_select())
        .load(connection)
}

pub(super) fn signalled(
    connection: &mut ReadConnection,
    root_run_ids: &[Uuid],
) -> QueryResult<Vec<Id>> {
    in_pieces(root_run_ids, |some| {
        flow_signals::table
            .filter(flow_signals::root_run_id.eq_any(some))
            .filter(flow_signals::taken_by.is_null())
            .select(flow_signals::root_run_id)
            .distinct()
            .load(connection)
    })
}
