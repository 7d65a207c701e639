//! What a resumed run reads: its journal, the cache, and what it was forked from.

use chrono::{DateTime, Utc};
use diesel::{
    BoolExpressionMethods as _, Connection as _, ExpressionMethods as _, JoinOnDsl as _,
    NullableExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult,
    RunQueryDsl as _, SelectableHelper as _, dsl::sql, sql_types::BigInt,
};
use uuid::Uuid;

use super::super::ReadConnection;
use crate::{
    Paid, RunFork, StepStatus,
    record::{JournalRow, RequestRow, RunRow},
    schema::{flow_forks, flow_runs, flow_step_runs, llm_requests},
    sql_types::{Id, Ts},
};

pub(in super::super::super) type JournalRows =
    (Vec<RunRow>, Vec<JournalRow>, Vec<RequestRow>, Vec<Paid>);

/// In one transaction: all are read from the same snapshot.
pub(in super::super::super) fn journal(
    connection: &mut ReadConnection,
    root: Uuid,
) -> QueryResult<JournalRows> {
    let in_tree = || flow_runs::root_run_id.eq(Id(root));
    connection.transaction(|connection| {
        let runs = flow_runs::table
            .filter(in_tree())
            .order(flow_runs::id)
            .select(RunRow::as_select())
            .load(connection)?;
        let steps = flow_step_runs::table
            .inner_join(flow_runs::table.on(flow_step_runs::flow_run_id.eq(flow_runs::id)))
            .left_join(
                llm_requests::table
                    .on(flow_step_runs::llm_request_id.eq(llm_requests::id.nullable())),
            )
            .filter(in_tree())
            .order((flow_step_runs::created_at, flow_step_runs::id))
            .select(JournalRow::as_select())
            .load(connection)?;
        let open = flow_step_runs::status
            .eq(StepStatus::Running.as_str())
            .or(flow_step_runs::status.eq(StepStatus::Pending.as_str()));
        let requests = llm_requests::table
            .inner_join(
                flow_step_runs::table
                    .on(llm_requests::step_run_id.eq(flow_step_runs::id.nullable())),
            )
            .inner_join(flow_runs::table.on(flow_step_runs::flow_run_id.eq(flow_runs::id)))
            .filter(in_tree())
            .filter(open)
            .order((llm_requests::created_at, llm_requests::id))
            .select(RequestRow::as_select())
            .load(connection)?;
        Ok((runs, steps, requests, paid(connection, root)?))
    })
}

/// By the indexes, and without the attempts' long texts. PostgreSQL adds up integers to what is none.
fn paid(connection: &mut ReadConnection, root: Uuid) -> QueryResult<Vec<Paid>> {
    let rows: Vec<(Id, i64, i64, i64)> = llm_requests::table
        .inner_join(flow_runs::table.on(llm_requests::flow_run_id.eq(flow_runs::id)))
        .filter(flow_runs::root_run_id.eq(Id(root)))
        .group_by(llm_requests::flow_run_id)
        .select((
            llm_requests::flow_run_id,
            sql::<BigInt>(
                "CAST(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS BIGINT)",
            ),
            sql::<BigInt>("CAST(sum(coalesce(cost_nano_usd, 0)) AS BIGINT)"),
            sql::<BigInt>(
                "sum(CASE WHEN llm_requests.status = 'succeeded' AND cost_nano_usd IS NULL THEN 1 ELSE 0 END)",
            ),
        ))
        .load(connection)?;
    let paid = |(run, tokens, cost_nano_usd, unpriced_requests): (Id, _, _, _)| Paid {
        flow_run_id: run.0,
        tokens,
        cost_nano_usd,
        unpriced_requests,
    };
    Ok(rows.into_iter().map(paid).collect())
}

pub(in super::super::super) fn cached_step(
    connection: &mut ReadConnection,
    cache_key: &str,
    since: DateTime<Utc>,
) -> QueryResult<Option<JournalRow>> {
    flow_step_runs::table
        .left_join(
            llm_requests::table.on(flow_step_runs::llm_request_id.eq(llm_requests::id.nullable())),
        )
        .filter(flow_step_runs::cache_key.eq(cache_key))
        .filter(flow_step_runs::completed_at.ge(Ts(since)))
        .filter(flow_step_runs::status.eq(StepStatus::Completed.as_str()))
        .filter(flow_step_runs::origin_run_id.is_null())
        .order((
            flow_step_runs::completed_at.desc(),
            flow_step_runs::id.desc(),
        ))
        .select(JournalRow::as_select())
        .first(connection)
        .optional()
}

pub(in super::super::super) fn fork(
    connection: &mut ReadConnection,
    run: Uuid,
) -> QueryResult<Option<RunFork>> {
    let row: Option<ForkRow> = flow_forks::table
        .find(Id(run))
        .first(connection)
        .optional()?;
    Ok(row.map(
        |(run_id, forked_from, from_step, model, inherited_model)| RunFork {
            run_id: run_id.0,
            forked_from: forked_from.0,
            from_step,
            model,
            inherited_model,
        },
    ))
}

type ForkRow = (Id, Id, Option<String>, Option<String>, Option<String>);
