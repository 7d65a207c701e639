//! Runs.

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _,
    QueryResult, RunQueryDsl as _,
};
use uuid::Uuid;

use super::{Connection, Outcome, close_below::close_below, lease_end};
use crate::{
    NewRun, RunFinish, RunProgress, RunStatus,
    schema::flow_runs::dsl,
    sql_types::{Id, JsonText, Ts},
};

/// The runs that are open: [`RunStatus::is_open`] in SQL. Written out, because diesel caches no
/// `IN` list.
macro_rules! run_is_open {
    () => {
        dsl::status
            .eq(RunStatus::Running.as_str())
            .or(dsl::status.eq(RunStatus::Pending.as_str()))
            .or(dsl::status.eq(RunStatus::Waiting.as_str()))
            .or(dsl::status.eq(RunStatus::Paused.as_str()))
            .or(dsl::status.eq(RunStatus::InDoubt.as_str()))
    };
}

/// The columns of a [`Progress`](crate::Progress).
macro_rules! progress_columns {
    ($progress:expr) => {{
        let progress: &$crate::Progress = $progress;
        (
            dsl::current_step.eq(progress.current_step.as_deref()),
            dsl::step_progress.eq(progress.step_progress),
            dsl::progress_percentage.eq(progress.progress_percentage),
            dsl::total_tokens.eq(progress.total_tokens),
            dsl::total_cost.eq(progress.total_cost),
            dsl::unpriced_requests.eq(progress.unpriced_requests),
        )
    }};
}

pub(super) use {progress_columns, run_is_open};

pub(in super::super) fn insert(connection: &mut Connection, run: &NewRun) -> QueryResult<Outcome> {
    // A sub-run is written under the lease of its root.
    let lease = run.lease.filter(|_| run.id == run.root_run_id);
    let inserted = diesel::insert_into(dsl::flow_runs)
        .values((
            dsl::id.eq(Id(run.id)),
            dsl::user_id.eq(run.user_id.map(Id)),
            dsl::flow_name.eq(&run.flow_name),
            dsl::status.eq(run.status.as_str()),
            dsl::execution_mode.eq(run.execution_mode.as_str()),
            dsl::total_steps.eq(run.total_steps),
            dsl::created_at.eq(Ts(run.created_at)),
            dsl::started_at.eq(run.started_at.map(Ts)),
            dsl::inputs.eq(JsonText(&run.inputs)),
            dsl::flow_metadata.eq(run.flow_metadata.as_deref().map(JsonText)),
            dsl::root_run_id.eq(Id(run.root_run_id)),
            dsl::parent_run_id.eq(run.parent_run_id.map(Id)),
            dsl::flow_version.eq(run.flow_version),
            dsl::build.eq(run.build.as_deref()),
            dsl::idempotency_key.eq(run.idempotency_key.as_deref()),
            dsl::priority.eq(run.priority),
            dsl::start_at.eq(run.start_at.map(Ts)),
            dsl::scope.eq(run.scope.as_deref()),
            dsl::lease_owner.eq(lease.map(|term| term.owner.to_string())),
            dsl::lease_epoch.eq(i64::from(lease.is_some())),
            dsl::lease_until.eq(lease_end!(lease)),
        ))
        .on_conflict_do_nothing()
        .execute(connection)?;
    if inserted == 1 {
        return Ok(Outcome::Written);
    }
    let has_key = match run.idempotency_key.as_deref() {
        Some(key) => with_key(connection, &run.flow_name, key)?,
        None => None,
    };
    Ok(match has_key {
        Some(other) if other != run.id => Outcome::KeyTaken { run_id: other },
        _ => Outcome::Already,
    })
}

fn with_key(connection: &mut Connection, flow: &str, key: &str) -> QueryResult<Option<Uuid>> {
    let found: Option<Id> = dsl::flow_runs
        .filter(dsl::flow_name.eq(flow))
        .filter(dsl::idempotency_key.eq(key))
        .select(dsl::id)
        .first(connection)
        .optional()?;
    Ok(found.map(|id| id.0))
}

pub(super) fn update(connection: &mut Connection, update: &RunProgress) -> QueryResult<Outcome> {
    let updated = diesel::update(dsl::flow_runs.find(Id(update.id)).filter(run_is_open!()))
        .set((
            progress_columns!(&update.progress),
            dsl::last_heartbeat.eq(Some(Ts(update.last_heartbeat))),
        ))
        .execute(connection)?;
    Ok(if updated == 1 {
        Outcome::Written
    } else {
        not_open(update.id)
    })
}

pub(super) fn finish(connection: &mut Connection, end: &RunFinish) -> QueryResult<Outcome> {
    let row = || dsl::flow_runs.find(Id(end.id));
    let updated = diesel::update(row().filter(run_is_open!()))
        .set((
            dsl::status.eq(end.status.as_str()),
            dsl::completed_at.eq(Some(Ts(end.completed_at))),
            dsl::execution_time_ms.eq(end.execution_time_ms),
            dsl::outputs.eq(end.outputs.as_deref().map(JsonText)),
            dsl::error_message.eq(end.error_message.as_deref()),
            progress_columns!(&end.progress),
            dsl::lease_owner.eq(None::<&str>),
            dsl::lease_until.eq(None::<Ts>),
        ))
        .execute(connection)?;
    if updated == 1 {
        close_below(connection, end.id, end.status, end.completed_at)?;
        return Ok(Outcome::Written);
    }
    let status: Option<String> = row().select(dsl::status).first(connection).optional()?;
    Ok(Outcome::ended(
        status.as_deref(),
        end.status.as_str(),
        not_open(end.id),
    ))
}

/// Deletes a run; the foreign keys delete what is below it. Says whether there was one.
pub(in super::super) fn delete_run(connection: &mut Connection, id: Uuid) -> QueryResult<bool> {
    Ok(diesel::delete(dsl::flow_runs.find(Id(id))).execute(connection)? == 1)
}

pub(super) fn not_open(id: Uuid) -> Outcome {
    Outcome::NotOpen {
        what: "flow run",
        id,
    }
}
