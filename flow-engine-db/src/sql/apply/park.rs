//! A run that stops before its end.

use chrono::Utc;
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _,
    QueryResult, RunQueryDsl as _,
    dsl::{exists, select},
};
use uuid::Uuid;

use super::{
    Connection, Outcome,
    close_below::close_inside,
    run::{not_open, progress_columns, run_is_open},
    tree::in_tree,
};
use crate::{
    NewStep, RunPark, RunStatus,
    schema::{flow_runs::dsl, flow_signals},
    sql_types::{Id, Ts},
};

pub(super) fn park(connection: &mut Connection, park: &RunPark) -> QueryResult<Outcome> {
    let asked = is_asked_to_pause(connection, park.id)?;
    // What would wait is paused, if it was asked for meanwhile.
    let status = match park.status {
        RunStatus::Waiting if asked => RunStatus::Paused,
        status => status,
    };
    let wake_at = if status != park.status {
        None
    } else if is_signalled(connection, park)? {
        // Whose clock that is does not matter: it is over.
        Some(park.at.min(Utc::now()))
    } else {
        park.wake_at
    };
    let row = || dsl::flow_runs.find(Id(park.id));
    let parked = diesel::update(row().filter(run_is_open!()))
        .set((
            dsl::status.eq(status.as_str()),
            dsl::wake_at.eq(wake_at.map(Ts)),
            dsl::error_message.eq(park.error_message.as_deref()),
            dsl::execution_time_ms.eq(park.execution_time_ms),
            progress_columns!(&park.progress),
            dsl::lease_owner.eq(None::<&str>),
            dsl::lease_until.eq(None::<Ts>),
            (status == RunStatus::Paused).then(|| dsl::pause_requested.eq(false)),
        ))
        .execute(connection)?;
    if parked == 0 {
        return Ok(not_open(park.id));
    }
    let runs = || dsl::flow_runs.filter(in_tree!(park.id)).select(dsl::id);
    let works = || crate::schema::flow_step_runs::kind.ne(NewStep::ENGINE);
    close_inside!(connection, runs(), Some(Ts(park.at)), works());
    let below = in_tree!(park.id).and(dsl::id.ne(Id(park.id)));
    diesel::update(dsl::flow_runs.filter(below).filter(run_is_open!()))
        .set((
            dsl::status.eq(status.as_str()),
            // What it waits for is what it is at.
            (status != RunStatus::Waiting).then(|| dsl::current_step.eq(None::<&str>)),
        ))
        .execute(connection)?;
    Ok(Outcome::Written)
}

fn is_asked_to_pause(connection: &mut Connection, run: Uuid) -> QueryResult<bool> {
    let found: Option<(String, bool)> = dsl::flow_runs
        .find(Id(run))
        .select((dsl::status, dsl::pause_requested))
        .first(connection)
        .optional()?;
    // It may have been parked by this write already, when it is not known whether its commit succeeded.
    Ok(found.is_some_and(|(status, asked)| asked || status == RunStatus::Paused.as_str()))
}

/// Who waits for a signal looks for it first, and then says that it waits: it may have come in between.
fn is_signalled(connection: &mut Connection, park: &RunPark) -> QueryResult<bool> {
    if park.status != RunStatus::Waiting || park.signals.is_empty() {
        return Ok(false);
    }
    let waited_for = flow_signals::table
        .filter(flow_signals::root_run_id.eq(Id(park.id)))
        .filter(flow_signals::taken_by.is_null())
        .filter(flow_signals::name.eq_any(&park.signals));
    select(exists(waited_for)).get_result(connection)
}
