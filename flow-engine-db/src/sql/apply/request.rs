//! Attempts.

use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _,
    QueryResult, RunQueryDsl as _, sql_types::Nullable,
};

use super::{Connection, Outcome};
use crate::{
    NewRequest, RequestFinish, RequestStatus,
    schema::{flow_runs, flow_step_runs, llm_requests::dsl},
    sql_types::{Id, JsonText, Ts, sql},
};

pub(super) fn insert(connection: &mut Connection, request: &NewRequest) -> QueryResult<Outcome> {
    insert_row(connection, request, None)
}

diesel::define_sql_function! {
    /// The first if it is there, else the second.
    fn coalesce(first: Nullable<sql::Id>, second: sql::Id) -> sql::Id;
}

/// An attempt that has ended before it was written.
pub(super) fn insert_whole(
    connection: &mut Connection,
    request: &NewRequest,
    end: &RequestFinish,
) -> QueryResult<Outcome> {
    match insert_row(connection, request, Some(end))? {
        Outcome::Already => finish(connection, end),
        written => Ok(written),
    }
}

fn insert_row(
    connection: &mut Connection,
    request: &NewRequest,
    end: Option<&RequestFinish>,
) -> QueryResult<Outcome> {
    // Neither is there if the unit that started it was refused: what was paid is recorded of the root then.
    let run = flow_runs::table
        .find(Id(request.flow_run_id))
        .select(flow_runs::id);
    let step = flow_step_runs::table
        .find(Id(request.step_run_id))
        .select(flow_step_runs::id);
    let inserted = diesel::insert_into(dsl::llm_requests)
        .values((
            dsl::id.eq(Id(request.id)),
            dsl::flow_run_id.eq(coalesce(run.single_value(), Id(request.root_run_id))),
            dsl::step_run_id.eq(step.single_value()),
            dsl::attempt.eq(request.attempt),
            dsl::status.eq(end.map_or(RequestStatus::Sent, |end| end.status).as_str()),
            dsl::provider.eq(&request.provider),
            dsl::model.eq(&request.model),
            dsl::operation.eq(&request.operation),
            dsl::prompt_id.eq(request.prompt_id.as_deref()),
            dsl::schema_hash.eq(request.schema_hash.as_deref()),
            dsl::request.eq(request.request.as_deref().map(JsonText)),
            dsl::created_at.eq(Ts(request.created_at)),
            (
                dsl::completed_at.eq(end.map(|end| Ts(end.completed_at))),
                dsl::model_served.eq(end.and_then(|end| end.model_served.as_deref())),
                dsl::response.eq(end.and_then(|end| end.response.as_deref())),
                dsl::finish_reason.eq(end.and_then(|end| end.finish_reason.as_deref())),
                dsl::input_tokens.eq(end.and_then(|end| end.input_tokens)),
                dsl::cached_tokens.eq(end.and_then(|end| end.cached_tokens)),
                dsl::output_tokens.eq(end.and_then(|end| end.output_tokens)),
                dsl::reasoning_tokens.eq(end.and_then(|end| end.reasoning_tokens)),
                dsl::cost_nano_usd.eq(end.and_then(|end| end.cost_nano_usd)),
                dsl::price_version.eq(end.and_then(|end| end.price_version.as_deref())),
                dsl::latency_ms.eq(end.and_then(|end| end.latency_ms)),
                dsl::http_status.eq(end.and_then(|end| end.http_status)),
                dsl::provider_request_id.eq(end.and_then(|end| end.provider_request_id.as_deref())),
                dsl::error_kind.eq(end.and_then(|end| end.error_kind.as_deref())),
                dsl::error_message.eq(end.and_then(|end| end.error_message.as_deref())),
            ),
        ))
        .on_conflict(dsl::id)
        .do_nothing()
        .execute(connection)?;
    Ok(Outcome::inserted(inserted))
}

/// An attempt that the end of its run closed as cancelled still takes its answer: what was paid is
/// recorded.
pub(super) fn finish(connection: &mut Connection, end: &RequestFinish) -> QueryResult<Outcome> {
    let row = || dsl::llm_requests.find(Id(end.id));
    let unanswered = if end.status == RequestStatus::Cancelled {
        RequestStatus::Sent
    } else {
        RequestStatus::Cancelled
    };
    let open = dsl::status
        .eq(RequestStatus::Sent.as_str())
        .or(dsl::status.eq(unanswered.as_str()));
    let updated = diesel::update(row().filter(open))
        .set((
            dsl::status.eq(end.status.as_str()),
            dsl::completed_at.eq(Some(Ts(end.completed_at))),
            dsl::model_served.eq(end.model_served.as_deref()),
            dsl::response.eq(end.response.as_deref()),
            dsl::finish_reason.eq(end.finish_reason.as_deref()),
            dsl::input_tokens.eq(end.input_tokens),
            dsl::cached_tokens.eq(end.cached_tokens),
            dsl::output_tokens.eq(end.output_tokens),
            dsl::reasoning_tokens.eq(end.reasoning_tokens),
            dsl::cost_nano_usd.eq(end.cost_nano_usd),
            dsl::price_version.eq(end.price_version.as_deref()),
            dsl::latency_ms.eq(end.latency_ms),
            dsl::http_status.eq(end.http_status),
            dsl::provider_request_id.eq(end.provider_request_id.as_deref()),
            dsl::error_kind.eq(end.error_kind.as_deref()),
            dsl::error_message.eq(end.error_message.as_deref()),
        ))
        .execute(connection)?;
    if updated == 1 {
        return Ok(Outcome::Written);
    }
    let status: Option<String> = row().select(dsl::status).first(connection).optional()?;
    let not_open = Outcome::NotOpen {
        what: "llm request",
        id: end.id,
    };
    Ok(Outcome::ended(
        status.as_deref(),
        end.status.as_str(),
        not_open,
    ))
}
