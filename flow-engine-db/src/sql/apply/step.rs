//! Step runs.

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _,
    QueryResult, RunQueryDsl as _,
};
use uuid::Uuid;

use super::{Connection, Outcome};
use crate::{
    HitNote, NewStep, StepFinish, StepMove, StepRetire, StepStatus,
    schema::flow_step_runs::dsl,
    sql_types::{Id, JsonText, Ts},
};

pub(super) fn insert(connection: &mut Connection, step: &NewStep) -> QueryResult<Outcome> {
    insert_row(connection, step, None)
}

/// A step run that has ended before it was written. If its start is there, because it was written
/// before, it is finished.
pub(super) fn insert_whole(
    connection: &mut Connection,
    step: &NewStep,
    end: &StepFinish,
) -> QueryResult<Outcome> {
    match insert_row(connection, step, Some(end))? {
        Outcome::Already => finish(connection, end),
        written => Ok(written),
    }
}

fn insert_row(
    connection: &mut Connection,
    step: &NewStep,
    end: Option<&StepFinish>,
) -> QueryResult<Outcome> {
    let inserted = diesel::insert_into(dsl::flow_step_runs)
        .values((
            dsl::id.eq(Id(step.id)),
            dsl::flow_run_id.eq(Id(step.flow_run_id)),
            dsl::llm_request_id.eq(end.and_then(|end| end.llm_request_id).map(Id)),
            dsl::step_name.eq(&step.step_name),
            dsl::step_order.eq(step.step_order),
            dsl::status.eq(end.map_or(step.status, |end| end.status).as_str()),
            dsl::inputs.eq(JsonText(&step.inputs)),
            dsl::outputs.eq(end.and_then(|end| end.outputs.as_deref()).map(JsonText)),
            dsl::step_metadata.eq(end
                .and_then(|end| end.step_metadata.as_deref())
                .map(JsonText)),
            dsl::tokens_used.eq(end.map_or(0, |end| end.tokens_used)),
            dsl::cost_estimate.eq(end.map_or(Some(0.0), |end| end.cost_estimate)),
            dsl::execution_time_ms.eq(end.and_then(|end| end.execution_time_ms)),
            dsl::error_message.eq(end.and_then(|end| end.error_message.as_deref())),
            dsl::created_at.eq(Ts(step.created_at)),
            dsl::completed_at.eq(end.map(|end| Ts(end.completed_at))),
            (
                dsl::kind.eq(&step.kind),
                dsl::call_key.eq(step.call_key.as_deref()),
                dsl::key_algorithm.eq(step.key_algorithm.as_deref()),
                dsl::content_hash.eq(step.content_hash.as_deref()),
                dsl::schema_hash.eq(step.schema_hash.as_deref()),
                dsl::code_hash.eq(step.code_hash.as_deref()),
                dsl::scope.eq(step.scope.as_deref()),
                dsl::miss_reason.eq(step.miss_reason.as_deref()),
                dsl::compared_with.eq(step.compared_with.map(Id)),
                dsl::origin_run_id.eq(step.origin_run_id.map(Id)),
                dsl::cache_key.eq(step.cache_key.as_deref()),
                dsl::previous_key.eq(step.previous_key.as_deref()),
                dsl::once_key.eq(step.once_key.as_deref()),
            ),
        ))
        .on_conflict(dsl::id)
        .do_nothing()
        .execute(connection)?;
    Ok(Outcome::inserted(inserted))
}

pub(super) fn finish(connection: &mut Connection, end: &StepFinish) -> QueryResult<Outcome> {
    let row = || dsl::flow_step_runs.find(Id(end.id));
    let open = dsl::status
        .eq(StepStatus::Pending.as_str())
        .or(dsl::status.eq(StepStatus::Running.as_str()));
    let updated = diesel::update(row().filter(open))
        .set((
            dsl::status.eq(end.status.as_str()),
            dsl::completed_at.eq(Some(Ts(end.completed_at))),
            dsl::execution_time_ms.eq(end.execution_time_ms),
            dsl::outputs.eq(end.outputs.as_deref().map(JsonText)),
            dsl::step_metadata.eq(end.step_metadata.as_deref().map(JsonText)),
            dsl::tokens_used.eq(end.tokens_used),
            dsl::cost_estimate.eq(end.cost_estimate),
            dsl::llm_request_id.eq(end.llm_request_id.map(Id)),
            dsl::error_message.eq(end.error_message.as_deref()),
        ))
        .execute(connection)?;
    if updated == 1 {
        return Ok(Outcome::Written);
    }
    let status: Option<String> = row().select(dsl::status).first(connection).optional()?;
    Ok(Outcome::ended(
        status.as_deref(),
        end.status.as_str(),
        not_open(end.id),
    ))
}

pub(super) fn note_hit(connection: &mut Connection, hit: &HitNote) -> QueryResult<Outcome> {
    let noted = diesel::update(dsl::flow_step_runs.find(Id(hit.id)))
        .set(dsl::hit_note.eq(&hit.note))
        .execute(connection)?;
    Ok(written_if_found(noted, hit.id))
}

pub(super) fn relocate(connection: &mut Connection, step: &StepMove) -> QueryResult<Outcome> {
    let moved = diesel::update(dsl::flow_step_runs.find(Id(step.id)))
        .set((
            dsl::scope.eq(step.scope.as_deref()),
            dsl::previous_key.eq(step.previous_key.as_deref()),
        ))
        .execute(connection)?;
    Ok(written_if_found(moved, step.id))
}

/// A row without a call key is in no journal.
pub(super) fn retire(connection: &mut Connection, step: StepRetire) -> QueryResult<Outcome> {
    let retired = diesel::update(dsl::flow_step_runs.find(Id(step.id)))
        .set(dsl::call_key.eq(None::<&str>))
        .execute(connection)?;
    Ok(written_if_found(retired, step.id))
}

fn written_if_found(rows: usize, id: Uuid) -> Outcome {
    match rows {
        1 => Outcome::Written,
        _ => not_open(id),
    }
}

fn not_open(id: Uuid) -> Outcome {
    Outcome::NotOpen {
        what: "step run",
        id,
    }
}
