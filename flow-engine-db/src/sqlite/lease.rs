//! Leases in SQL: who takes a run, who still has it, and whether a unit may be written.
//!
//! The clock is that of the process: all that write a file are on one machine.

use chrono::{DateTime, Utc};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _,
    QueryResult, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query,
    sql_types::{BigInt, Text},
};
use uuid::Uuid;

use super::{Fault, sql::background};
use crate::{
    BackgroundFilter, Lease, LeaseTerm, RunStatus,
    lease::Share,
    schema::flow_runs::dsl,
    sql_types::{Id, Ts, sql},
};

/// The clock that leases end by.
#[expect(clippy::unnecessary_wraps, reason = "a server may not answer")]
pub(super) fn now(_connection: &mut SqliteConnection) -> QueryResult<DateTime<Utc>> {
    Ok(Utc::now())
}

/// Fails unless this is the newest lease of its root run.
pub(super) fn check(connection: &mut SqliteConnection, lease: Lease) -> Result<(), Fault> {
    let epoch: Option<i64> = dsl::flow_runs
        .find(Id(lease.root_run_id))
        .filter(dsl::root_run_id.eq(dsl::id))
        .select(dsl::lease_epoch)
        .first(connection)
        .optional()
        .map_err(|source| Fault::Database {
            action: "check the lease of a flow run",
            source,
        })?;
    if epoch == Some(lease.epoch) {
        return Ok(());
    }
    Err(Fault::LeaseLost {
        root_run_id: lease.root_run_id,
    })
}

/// The status of a root run.
pub(super) fn lock(connection: &mut SqliteConnection, run: Uuid) -> QueryResult<Option<String>> {
    // The transaction that writes is the only one.
    dsl::flow_runs
        .find(Id(run))
        .filter(dsl::root_run_id.eq(dsl::id))
        .select(dsl::status)
        .first(connection)
        .optional()
}

/// Whether somebody has a root run, and his lease lasts.
pub(super) fn is_held(connection: &mut SqliteConnection, run: Uuid) -> QueryResult<bool> {
    let held: Option<Id> = dsl::flow_runs
        .find(Id(run))
        .filter(dsl::lease_owner.is_not_null())
        .filter(dsl::lease_until.gt(Ts(Utc::now())))
        .select(dsl::id)
        .first(connection)
        .optional()?;
    Ok(held.is_some())
}

pub(super) fn acquire(
    connection: &mut SqliteConnection,
    run: Uuid,
    term: LeaseTerm,
) -> QueryResult<Option<Lease>> {
    let now = Utc::now();
    let owner = term.owner.to_string();
    let free = dsl::lease_owner
        .is_null()
        .or(dsl::lease_owner.eq(&owner))
        .or(dsl::lease_until.le(Ts(now)));
    let taken: Option<i64> = diesel::update(
        dsl::flow_runs
            .find(Id(run))
            .filter(dsl::root_run_id.eq(dsl::id))
            .filter(free)
            // Nothing is done with such a run any more.
            .filter(dsl::status.ne(RunStatus::Completed.as_str()))
            .filter(dsl::status.ne(RunStatus::Cancelled.as_str())),
    )
    .set((
        dsl::lease_owner.eq(&owner),
        dsl::lease_epoch.eq(dsl::lease_epoch + 1),
        dsl::lease_until.eq(Ts(term.until(now))),
        dsl::last_heartbeat.eq(Ts(now)),
        dsl::pause_requested.eq(false),
    ))
    .returning(dsl::lease_epoch)
    .get_result(connection)
    .optional()?;
    Ok(taken.map(|epoch| Lease {
        root_run_id: run,
        epoch,
    }))
}

/// Status and mode are literals, as in the indexes which hold such runs only, in the order of the list. They are named:
/// SQLite would rather find all runs with a status, and sort them. A run that was taken while it was pending stays so until it is
/// opened: it has a lease.
const FREE: &str = "
    SELECT * FROM (
        SELECT id, priority FROM flow_runs INDEXED BY flow_runs_pending
        WHERE status = 'pending' AND execution_mode = 'background' AND root_run_id = id
            AND (start_at IS NULL OR start_at <= ?1)
            AND (lease_until IS NULL OR lease_until <= ?1)
            AND flow_name IN (SELECT value FROM json_each(?2))
            AND id NOT IN (SELECT unhex(value) FROM json_each(?3))
        ORDER BY priority DESC, id LIMIT ?4)
    UNION ALL
    SELECT * FROM (
        SELECT id, priority FROM flow_runs INDEXED BY flow_runs_running
        WHERE status IN ('running', 'interrupted') AND execution_mode = 'background'
            AND root_run_id = id
            AND (lease_until <= ?1 OR lease_until IS NULL AND status = 'interrupted')
            AND flow_name IN (SELECT value FROM json_each(?2))
            AND id NOT IN (SELECT unhex(value) FROM json_each(?3))
        ORDER BY priority DESC, id LIMIT ?4)
    UNION ALL
    SELECT * FROM (
        SELECT id, priority FROM flow_runs INDEXED BY flow_runs_waiting
        WHERE status = 'waiting' AND execution_mode = 'background' AND root_run_id = id
            AND wake_at IS NOT NULL AND wake_at <= ?1
            AND (lease_until IS NULL OR lease_until <= ?1)
            AND flow_name IN (SELECT value FROM json_each(?2))
            AND id NOT IN (SELECT unhex(value) FROM json_each(?3))
        ORDER BY priority DESC, id LIMIT ?4)
    ORDER BY priority DESC, id LIMIT ?4";

/// How many background runs of each flow are executed, those that who asks still executes included.
const EXECUTED: &str = "
    SELECT flow_name, count(*) AS runs FROM flow_runs INDEXED BY flow_runs_taken
    WHERE execution_mode = 'background' AND lease_owner IS NOT NULL
        AND flow_name IN (SELECT value FROM json_each(?1))
        AND (lease_until > ?2 OR id IN (SELECT unhex(value) FROM json_each(?3)))
    GROUP BY flow_name";

const TAKE: &str = "
    UPDATE flow_runs
    SET lease_owner = ?1, lease_epoch = lease_epoch + 1, lease_until = ?2, last_heartbeat = ?3
    WHERE id IN (SELECT unhex(value) FROM json_each(?4))
    RETURNING id, priority, lease_epoch AS epoch";

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = sql::Id)]
    id: Id,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    priority: i32,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

/// Any number of ids is one value.
fn json(ids: impl IntoIterator<Item = Uuid>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.simple().to_string()).collect();
    serde_json::json!(ids).to_string()
}

pub(super) fn acquire_background(
    connection: &mut SqliteConnection,
    wanted: &BackgroundFilter,
    term: LeaseTerm,
) -> QueryResult<Vec<Lease>> {
    let now = Utc::now();
    let except = json(wanted.except.iter().copied());
    let executed = |connection: &mut SqliteConnection| {
        sql_query(EXECUTED)
            .bind::<Text, _>(serde_json::json!(wanted.limited()).to_string())
            .bind::<sql::Ts, _>(Ts(now))
            .bind::<Text, _>(&except)
            .load(connection)
    };
    let free = |connection: &mut SqliteConnection, share: Share<'_>| {
        sql_query(FREE)
            .bind::<sql::Ts, _>(Ts(now))
            .bind::<Text, _>(serde_json::json!(share.flow_names).to_string())
            .bind::<Text, _>(&except)
            .bind::<BigInt, _>(i64::from(share.runs))
            .load(connection)
    };
    let first = background::first(connection, wanted, executed, free)?;
    if first.is_empty() {
        return Ok(Vec::new());
    }
    let mut taken: Vec<Taken> = sql_query(TAKE)
        .bind::<Text, _>(term.owner.to_string())
        .bind::<sql::Ts, _>(Ts(term.until(now)))
        .bind::<sql::Ts, _>(Ts(now))
        .bind::<Text, _>(json(first))
        .load(connection)?;
    // `RETURNING` gives the rows as they were found.
    taken.sort_by_key(|run| (std::cmp::Reverse(run.priority), run.id.0));
    let lease = |run: &Taken| Lease {
        root_run_id: run.id.0,
        epoch: run.epoch,
    };
    Ok(taken.iter().map(lease).collect())
}

/// The leases come as one JSON document, so that any number of them is one statement.
const RENEW: &str = "
    UPDATE flow_runs SET lease_until = ?1, last_heartbeat = ?2
    FROM json_each(?3) AS held
    WHERE flow_runs.id = unhex(held.value ->> 0) AND lease_epoch = held.value ->> 1
        AND lease_owner = ?4 AND root_run_id = flow_runs.id
    RETURNING flow_runs.id, priority, lease_epoch AS epoch";

pub(super) fn renew(
    connection: &mut SqliteConnection,
    leases: &[Lease],
    term: LeaseTerm,
) -> QueryResult<Vec<Lease>> {
    let now: DateTime<Utc> = Utc::now();
    let held: Vec<(String, i64)> = leases
        .iter()
        .map(|lease| (lease.root_run_id.simple().to_string(), lease.epoch))
        .collect();
    let renewed: Vec<Taken> = sql_query(RENEW)
        .bind::<sql::Ts, _>(Ts(term.until(now)))
        .bind::<sql::Ts, _>(Ts(now))
        .bind::<Text, _>(serde_json::json!(held).to_string())
        .bind::<Text, _>(term.owner.to_string())
        .load(connection)?;
    let renewed: std::collections::HashSet<(Uuid, i64)> = renewed
        .into_iter()
        .map(|run| (run.id.0, run.epoch))
        .collect();
    let lost = |lease: &&Lease| !renewed.contains(&(lease.root_run_id, lease.epoch));
    Ok(leases.iter().filter(lost).copied().collect())
}
