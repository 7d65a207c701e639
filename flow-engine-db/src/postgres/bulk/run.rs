//! The progress of runs.

use diesel::{
    QueryResult, RunQueryDsl as _,
    sql_types::{BigInt, Double, Integer, Nullable, Text},
};

use super::super::{Connection, rows::Piece};
use crate::{
    RunProgress, Write,
    plan::Action,
    sql_types::{Id, Ts, sql},
};

bulk! {
    Progresses(update: &'a RunProgress) {
        id: Id as sql::Id = Id(update.id),
        current_step: Option<&'a str> as Nullable<Text> = update.progress.current_step.as_deref(),
        step_progress: i32 as Integer = update.progress.step_progress,
        progress_percentage: f64 as Double = update.progress.progress_percentage,
        total_tokens: i64 as BigInt = update.progress.total_tokens,
        total_cost: f64 as Double = update.progress.total_cost,
        unpriced_requests: i64 as BigInt = update.progress.unpriced_requests,
        last_heartbeat: Ts as sql::Ts = Ts(update.last_heartbeat),
    }
    [
        Piece::Sql("UPDATE flow_runs AS run SET "),
        Piece::Assignments,
        Piece::Sql(" FROM "),
        Piece::Rows,
        // `RunStatus::is_open` in SQL.
        Piece::Sql(
            " WHERE run.id = u.id AND run.status IN ('pending', 'running', 'waiting', 'paused', 'in_doubt')",
        ),
    ]
}

pub(super) fn update(connection: &mut Connection, actions: &[Action<'_>]) -> QueryResult<usize> {
    let mut rows = Progresses::default();
    for action in actions {
        if let Action::Single(Write::UpdateRun(progress)) = action {
            rows.push(progress);
        }
    }
    rows.execute(connection)
}
