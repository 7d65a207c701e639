//! The starts and ends of step runs.

use diesel::{
    QueryResult, RunQueryDsl as _,
    sql_types::{BigInt, Double, Integer, Nullable, Text},
};

use super::super::{Connection, rows::Piece};
use crate::{
    NewStep, StepFinish, Write,
    plan::Action,
    sql_types::{Id, JsonText, Ts, sql},
};

bulk! {
    Starts(step: &'a NewStep, end: Option<&'a StepFinish>) {
        id: Id as sql::Id = Id(step.id),
        flow_run_id: Id as sql::Id = Id(step.flow_run_id),
        llm_request_id: Option<Id> as Nullable<sql::Id> = end.and_then(|end| end.llm_request_id).map(Id),
        step_name: &'a str as Text = &step.step_name,
        step_order: i32 as Integer = step.step_order,
        status: &'static str as Text = end.map_or(step.status, |end| end.status).as_str(),
        inputs: JsonText<'a> as sql::JsonDoc = JsonText(&step.inputs),
        outputs: Option<JsonText<'a>> as Nullable<sql::JsonDoc> =
            end.and_then(|end| end.outputs.as_deref()).map(JsonText),
        step_metadata: Option<JsonText<'a>> as Nullable<sql::JsonDoc> =
            end.and_then(|end| end.step_metadata.as_deref()).map(JsonText),
        tokens_used: i64 as BigInt = end.map_or(0, |end| end.tokens_used),
        cost_estimate: Option<f64> as Nullable<Double> = end.map_or(Some(0.0), |end| end.cost_estimate),
        execution_time_ms: Option<i64> as Nullable<BigInt> = end.and_then(|end| end.execution_time_ms),
        error_message: Option<&'a str> as Nullable<Text> = end.and_then(|end| end.error_message.as_deref()),
        created_at: Ts as sql::Ts = Ts(step.created_at),
        completed_at: Option<Ts> as Nullable<sql::Ts> = end.map(|end| Ts(end.completed_at)),
        kind: &'a str as Text = &step.kind,
        call_key: Option<&'a str> as Nullable<Text> = step.call_key.as_deref(),
        key_algorithm: Option<&'a str> as Nullable<Text> = step.key_algorithm.as_deref(),
        content_hash: Option<&'a str> as Nullable<Text> = step.content_hash.as_deref(),
        schema_hash: Option<&'a str> as Nullable<Text> = step.schema_hash.as_deref(),
        code_hash: Option<&'a str> as Nullable<Text> = step.code_hash.as_deref(),
        scope: Option<&'a str> as Nullable<Text> = step.scope.as_deref(),
        miss_reason: Option<&'a str> as Nullable<Text> = step.miss_reason.as_deref(),
        compared_with: Option<Id> as Nullable<sql::Id> = step.compared_with.map(Id),
        origin_run_id: Option<Id> as Nullable<sql::Id> = step.origin_run_id.map(Id),
        cache_key: Option<&'a str> as Nullable<Text> = step.cache_key.as_deref(),
        previous_key: Option<&'a str> as Nullable<Text> = step.previous_key.as_deref(),
        once_key: Option<&'a str> as Nullable<Text> = step.once_key.as_deref(),
    }
    [
        Piece::Sql("INSERT INTO flow_step_runs ("),
        Piece::Columns,
        Piece::Sql(") SELECT * FROM "),
        Piece::Rows,
        Piece::Sql(" ON CONFLICT (id) DO NOTHING"),
    ]
}

pub(super) fn insert(connection: &mut Connection, actions: &[Action<'_>]) -> QueryResult<usize> {
    let mut rows = Starts::default();
    for action in actions {
        match action {
            Action::WholeStep(step, end) => rows.push(step, Some(end)),
            Action::Single(Write::StartStep(step)) => rows.push(step, None),
            _ => {}
        }
    }
    rows.execute(connection)
}

bulk! {
    Ends(end: &'a StepFinish) {
        id: Id as sql::Id = Id(end.id),
        status: &'static str as Text = end.status.as_str(),
        completed_at: Ts as sql::Ts = Ts(end.completed_at),
        execution_time_ms: Option<i64> as Nullable<BigInt> = end.execution_time_ms,
        outputs: Option<JsonText<'a>> as Nullable<sql::JsonDoc> = end.outputs.as_deref().map(JsonText),
        step_metadata: Option<JsonText<'a>> as Nullable<sql::JsonDoc> = end.step_metadata.as_deref().map(JsonText),
        tokens_used: i64 as BigInt = end.tokens_used,
        cost_estimate: Option<f64> as Nullable<Double> = end.cost_estimate,
        llm_request_id: Option<Id> as Nullable<sql::Id> = end.llm_request_id.map(Id),
        error_message: Option<&'a str> as Nullable<Text> = end.error_message.as_deref(),
    }
    [
        Piece::Sql("UPDATE flow_step_runs AS step SET "),
        Piece::Assignments,
        Piece::Sql(" FROM "),
        Piece::Rows,
        Piece::Sql(" WHERE step.id = u.id AND step.status IN ('pending', 'running')"),
    ]
}

pub(super) fn finish(connection: &mut Connection, actions: &[Action<'_>]) -> QueryResult<usize> {
    let mut rows = Ends::default();
    for action in actions {
        if let Action::Single(Write::FinishStep(end)) = action {
            rows.push(end);
        }
    }
    rows.execute(connection)
}
