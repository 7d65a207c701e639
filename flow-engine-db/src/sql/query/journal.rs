//! What a resumed run reads: its journal, the cache, and what it was forked from.

use chrono::{DateTime, Utc};
use diesel::{
    BoolExpressionMethods as _, Connection as _, ExpressionMethods as _, JoinOnDsl as _,
    NullableExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult,
    RunQueryDsl as _, SelectableHelper as _,
};
use uuid::Uuid;

use super::super::ReadConnection;
use crate::{
    RunFork, StepStatus,
    record::{JournalRow, RequestRow, RunRow},
    schema::{flow_forks, flow_runs, flow_step_runs, llm_requests},
    sql_types::{Id, Ts},
};

pub(in super::super::super) type JournalRows = (Vec<RunRow>, Vec<JournalRow>, Vec<RequestRow>);

/// In one transaction: all three are read from the same snapshot.
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
        Ok((runs, steps, requests))
    })
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
