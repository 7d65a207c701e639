//! Attempts: sent and ended.

use diesel::{
    QueryResult, RunQueryDsl as _,
    sql_types::{BigInt, Integer, Nullable, Text},
};

use super::super::{Connection, rows::Piece};
use crate::{
    NewRequest, RequestFinish, RequestStatus, Write,
    plan::Action,
    sql_types::{Id, JsonText, Ts, sql},
};

bulk! {
    Starts(request: &'a NewRequest, end: Option<&'a RequestFinish>) {
        id: Id as sql::Id = Id(request.id),
        flow_run_id: Id as sql::Id = Id(request.flow_run_id),
        root_run_id: Id as sql::Id = Id(request.root_run_id),
        step_run_id: Id as sql::Id = Id(request.step_run_id),
        attempt: i32 as Integer = request.attempt,
        status: &'static str as Text = end.map_or(RequestStatus::Sent, |end| end.status).as_str(),
        provider: &'a str as Text = &request.provider,
        model: &'a str as Text = &request.model,
        operation: &'a str as Text = &request.operation,
        prompt_id: Option<&'a str> as Nullable<Text> = request.prompt_id.as_deref(),
        schema_hash: Option<&'a str> as Nullable<Text> = request.schema_hash.as_deref(),
        request: Option<JsonText<'a>> as Nullable<sql::JsonDoc> = request.request.as_deref().map(JsonText),
        created_at: Ts as sql::Ts = Ts(request.created_at),
        completed_at: Option<Ts> as Nullable<sql::Ts> = end.map(|end| Ts(end.completed_at)),
        model_served: Option<&'a str> as Nullable<Text> = end.and_then(|end| end.model_served.as_deref()),
        response: Option<&'a str> as Nullable<Text> = end.and_then(|end| end.response.as_deref()),
        finish_reason: Option<&'a str> as Nullable<Text> = end.and_then(|end| end.finish_reason.as_deref()),
        input_tokens: Option<i64> as Nullable<BigInt> = end.and_then(|end| end.input_tokens),
        cached_tokens: Option<i64> as Nullable<BigInt> = end.and_then(|end| end.cached_tokens),
        output_tokens: Option<i64> as Nullable<BigInt> = end.and_then(|end| end.output_tokens),
        reasoning_tokens: Option<i64> as Nullable<BigInt> = end.and_then(|end| end.reasoning_tokens),
        cost_nano_usd: Option<i64> as Nullable<BigInt> = end.and_then(|end| end.cost_nano_usd),
        price_version: Option<&'a str> as Nullable<Text> = end.and_then(|end| end.price_version.as_deref()),
        latency_ms: Option<i64> as Nullable<BigInt> = end.and_then(|end| end.latency_ms),
        http_status: Option<i32> as Nullable<Integer> = end.and_then(|end| end.http_status),
        provider_request_id: Option<&'a str> as Nullable<Text> =
            end.and_then(|end| end.provider_request_id.as_deref()),
        error_kind: Option<&'a str> as Nullable<Text> = end.and_then(|end| end.error_kind.as_deref()),
        error_message: Option<&'a str> as Nullable<Text> = end.and_then(|end| end.error_message.as_deref()),
    }
    [
        // The run and the step are not there if the unit that started them was refused.
        Piece::Sql(
            "INSERT INTO llm_requests (id, flow_run_id, step_run_id, attempt, status, provider, model, operation, prompt_id,
                schema_hash, request, created_at, completed_at, model_served, response, finish_reason, input_tokens,
                cached_tokens, output_tokens, reasoning_tokens, cost_nano_usd, price_version, latency_ms, http_status,
                provider_request_id, error_kind, error_message)
            SELECT u.id, coalesce(run.id, u.root_run_id), step.id, u.attempt, u.status, u.provider, u.model, u.operation, u.prompt_id,
                u.schema_hash, u.request, u.created_at, u.completed_at, u.model_served, u.response, u.finish_reason,
                u.input_tokens, u.cached_tokens, u.output_tokens, u.reasoning_tokens, u.cost_nano_usd, u.price_version,
                u.latency_ms, u.http_status, u.provider_request_id, u.error_kind, u.error_message
            FROM ",
        ),
        Piece::Rows,
        Piece::Sql(
            " LEFT JOIN flow_runs AS run ON run.id = u.flow_run_id
            LEFT JOIN flow_step_runs AS step ON step.id = u.step_run_id ON CONFLICT (id) DO NOTHING",
        ),
    ]
}

pub(super) fn insert(connection: &mut Connection, actions: &[Action<'_>]) -> QueryResult<usize> {
    let mut rows = Starts::default();
    for action in actions {
        match action {
            Action::WholeRequest(request, end) => rows.push(request, Some(end)),
            Action::Single(Write::SendRequest(request)) => rows.push(request, None),
            _ => {}
        }
    }
    rows.execute(connection)
}

bulk! {
    Ends(end: &'a RequestFinish) {
        id: Id as sql::Id = Id(end.id),
        status: &'static str as Text = end.status.as_str(),
        completed_at: Ts as sql::Ts = Ts(end.completed_at),
        model_served: Option<&'a str> as Nullable<Text> = end.model_served.as_deref(),
        response: Option<&'a str> as Nullable<Text> = end.response.as_deref(),
        finish_reason: Option<&'a str> as Nullable<Text> = end.finish_reason.as_deref(),
        input_tokens: Option<i64> as Nullable<BigInt> = end.input_tokens,
        cached_tokens: Option<i64> as Nullable<BigInt> = end.cached_tokens,
        output_tokens: Option<i64> as Nullable<BigInt> = end.output_tokens,
        reasoning_tokens: Option<i64> as Nullable<BigInt> = end.reasoning_tokens,
        cost_nano_usd: Option<i64> as Nullable<BigInt> = end.cost_nano_usd,
        price_version: Option<&'a str> as Nullable<Text> = end.price_version.as_deref(),
        latency_ms: Option<i64> as Nullable<BigInt> = end.latency_ms,
        http_status: Option<i32> as Nullable<Integer> = end.http_status,
        provider_request_id: Option<&'a str> as Nullable<Text> = end.provider_request_id.as_deref(),
        error_kind: Option<&'a str> as Nullable<Text> = end.error_kind.as_deref(),
        error_message: Option<&'a str> as Nullable<Text> = end.error_message.as_deref(),
    }
    [
        Piece::Sql("UPDATE llm_requests AS request SET "),
        Piece::Assignments,
        Piece::Sql(" FROM "),
        Piece::Rows,
        // One that the end of its run closed as cancelled still takes its answer.
        Piece::Sql(
            " WHERE request.id = u.id
                AND (request.status = 'sent' OR (request.status = 'cancelled' AND u.status <> 'cancelled'))",
        ),
    ]
}

pub(super) fn finish(connection: &mut Connection, actions: &[Action<'_>]) -> QueryResult<usize> {
    let mut rows = Ends::default();
    for action in actions {
        if let Action::Single(Write::FinishRequest(end)) = action {
            rows.push(end);
        }
    }
    rows.execute(connection)
}
