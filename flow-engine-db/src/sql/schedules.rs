//! How far the schedules of flows have come.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _};

use super::{Connection, ReadConnection, apply, lease};
use crate::{FlowSchedule, ScheduleAdvance, Schedules, schema::flow_schedules::dsl, sql_types::Ts};

pub(crate) fn of_flows(
    connection: &mut ReadConnection,
    flow_names: &[String],
) -> QueryResult<Schedules> {
    let rows: Vec<(String, Ts, Option<Ts>)> = dsl::flow_schedules
        .filter(dsl::flow_name.eq_any(flow_names))
        .order(dsl::flow_name)
        .load(connection)?;
    // After the rows: a tick that came between is due, and not one that was dealt with before the rows were read.
    let now = lease::now(connection)?;
    let schedule = |(flow_name, begun_at, last_tick): (String, Ts, Option<Ts>)| FlowSchedule {
        flow_name,
        begun_at: begun_at.0,
        last_tick: last_tick.map(|tick| tick.0),
    };
    Ok(Schedules {
        now,
        schedules: rows.into_iter().map(schedule).collect(),
    })
}

pub(crate) fn begin(
    connection: &mut Connection,
    flow_name: &str,
    at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(dsl::flow_schedules)
        .values((dsl::flow_name.eq(flow_name), dsl::begun_at.eq(Ts(at))))
        .on_conflict(dsl::flow_name)
        .do_nothing()
        .execute(connection)?;
    Ok(())
}

/// Says whether it was moved. The row is locked by that until the runs are queued with it: who comes at the same time waits,
/// and finds another last tick.
pub(crate) fn advance(connection: &mut Connection, advance: &ScheduleAdvance) -> QueryResult<bool> {
    let schedule = dsl::flow_schedules.filter(dsl::flow_name.eq(&advance.flow_name));
    let last_tick = dsl::last_tick.eq(Some(Ts(advance.last_tick)));
    let moved = match advance.expected {
        Some(expected) => diesel::update(schedule.filter(dsl::last_tick.eq(Some(Ts(expected)))))
            .set(last_tick)
            .execute(connection)?,
        None => diesel::update(schedule.filter(dsl::last_tick.is_null()))
            .set(last_tick)
            .execute(connection)?,
    };
    if moved == 1 {
        for run in &advance.runs {
            apply::insert_run(connection, run)?;
        }
    }
    Ok(moved == 1)
}
