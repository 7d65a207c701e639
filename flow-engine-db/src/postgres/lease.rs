//! Leases in SQL: who takes a run, who still has it, and whether a unit may be written.
//!
//! The clock is that of the server: processes are on several machines.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, QueryableByName,
    RunQueryDsl as _,
    connection::SimpleConnection as _,
    dsl::select,
    query_builder::Query,
    sql_query,
    sql_types::{Array, BigInt, Text},
};
use uuid::Uuid;

use super::{Connection, Fault, ReadConnection, rows::Piece, sql::background};
use crate::{
    BackgroundFilter, Lease, LeaseTerm,
    lease::Share,
    schema::flow_runs::dsl,
    sql_types::{Id, Ts, sql},
};

/// A term in microseconds. Nobody can tell a longer one from this, of 200,000 years, with which the end is still a time.
pub(super) fn micros(term: LeaseTerm) -> i64 {
    const LONGEST: i64 = 200_000 * 365 * 86_400 * 1_000_000;
    i64::try_from(term.duration.as_micros()).map_or(LONGEST, |micros| micros.min(LONGEST))
}

/// The clock that leases end by.
pub(super) fn now(connection: &mut ReadConnection) -> QueryResult<DateTime<Utc>> {
    let now: Ts =
        select(diesel::dsl::sql::<sql::Ts>("clock_timestamp()")).get_result(connection)?;
    Ok(now.0)
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = sql::Id)]
    id: Id,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

impl Held {
    fn lease(self) -> Lease {
        Lease {
            root_run_id: self.id.0,
            epoch: self.epoch,
        }
    }
}

bulk! {
    /// Locks the rows, each unless its lease is taken, and until the transaction has ended: who takes a run waits for it.
    /// All lock in the order of the ids, so that nobody waits for each other.
    Lock(lease: &'a Lease) {
        id: Id as sql::Id = Id(lease.root_run_id),
        epoch: i64 as BigInt = lease.epoch,
    }
    [
        Piece::Sql("SELECT run.id, run.lease_epoch FROM flow_runs AS run JOIN "),
        Piece::Rows,
        Piece::Sql(
            " ON run.id = u.id AND run.lease_epoch = u.epoch
            WHERE run.root_run_id = run.id ORDER BY run.id FOR SHARE OF run",
        ),
    ]
}

impl Query for Lock<'_> {
    type SqlType = (sql::Id, BigInt);
}

/// Fails unless each is the newest lease of its root run, and keeps them so until the transaction ends.
pub(super) fn check_all(connection: &mut Connection, leases: &[Lease]) -> Result<(), Fault> {
    let mut lock = Lock::default();
    for lease in leases {
        lock.push(lease);
    }
    let held = lock.load::<(Id, i64)>(connection);
    let held = held.map_err(|source| Fault::Database {
        action: "check the leases of flow runs",
        source,
    })?;
    let held = held.into_iter().map(|(id, epoch)| Held { id, epoch });
    match lost(leases, held).first() {
        Some(lease) => Err(Fault::LeaseLost {
            root_run_id: lease.root_run_id,
        }),
        None => Ok(()),
    }
}

/// Fails unless this is the newest lease of its root run.
pub(super) fn check(connection: &mut Connection, lease: Lease) -> Result<(), Fault> {
    check_all(connection, &[lease])
}

/// The status of a root run, which nobody else changes until the transaction has ended.
pub(super) fn lock(connection: &mut Connection, run: Uuid) -> QueryResult<Option<String>> {
    dsl::flow_runs
        .find(Id(run))
        .filter(dsl::root_run_id.eq(dsl::id))
        .select(dsl::status)
        .for_update()
        .first(connection)
        .optional()
}

/// Whether somebody has a root run, and his lease lasts.
pub(super) fn is_held(connection: &mut Connection, run: Uuid) -> QueryResult<bool> {
    let lasts = diesel::dsl::sql::<diesel::sql_types::Nullable<diesel::sql_types::Bool>>(
        "lease_until > clock_timestamp()",
    );
    let held: Option<Id> = dsl::flow_runs
        .find(Id(run))
        .filter(dsl::lease_owner.is_not_null())
        .filter(lasts)
        .select(dsl::id)
        .first(connection)
        .optional()?;
    Ok(held.is_some())
}

const ACQUIRE: &str = "
    UPDATE flow_runs SET lease_owner = $1, lease_epoch = lease_epoch + 1,
        lease_until = clock_timestamp() + $2 * interval '1 microsecond', last_heartbeat = clock_timestamp(),
        pause_requested = FALSE
    WHERE id = $3 AND root_run_id = id
        AND (lease_owner IS NULL OR lease_owner = $1 OR lease_until <= clock_timestamp())
        AND status NOT IN ('completed', 'cancelled')
    RETURNING id, lease_epoch AS epoch";

pub(super) fn acquire(
    connection: &mut Connection,
    run: Uuid,
    term: LeaseTerm,
) -> QueryResult<Option<Lease>> {
    let taken: Option<Held> = sql_query(ACQUIRE)
        .bind::<Text, _>(term.owner.to_string())
        .bind::<BigInt, _>(micros(term))
        .bind::<sql::Id, _>(Id(run))
        .get_result(connection)
        .optional()?;
    Ok(taken.map(Held::lease))
}

/// `SKIP LOCKED`: what another process is taking, or writes right now, is not waited for. Status and mode are literals, as in
/// the indexes which hold such runs only, in the order of the list. A run that was taken while it was pending stays so until
/// it is opened: it has a lease.
const FREE: &str = "
    WITH pending AS MATERIALIZED (
        SELECT id, priority FROM flow_runs
        WHERE status = 'pending' AND execution_mode = 'background' AND root_run_id = id
            AND (start_at IS NULL OR start_at <= clock_timestamp())
            AND (lease_until IS NULL OR lease_until <= clock_timestamp())
            AND flow_name = ANY ($1) AND id <> ALL ($2)
        ORDER BY priority DESC, id LIMIT $3
        FOR UPDATE SKIP LOCKED
    ), expired AS MATERIALIZED (
        SELECT id, priority FROM flow_runs
        WHERE status IN ('running', 'interrupted') AND execution_mode = 'background'
            AND root_run_id = id
            AND (lease_until <= clock_timestamp() OR lease_until IS NULL AND status = 'interrupted')
            AND flow_name = ANY ($1) AND id <> ALL ($2)
        ORDER BY priority DESC, id LIMIT $3
        FOR UPDATE SKIP LOCKED
    ), woken AS MATERIALIZED (
        SELECT id, priority FROM flow_runs
        WHERE status = 'waiting' AND execution_mode = 'background' AND root_run_id = id
            AND wake_at IS NOT NULL AND wake_at <= clock_timestamp()
            AND (lease_until IS NULL OR lease_until <= clock_timestamp())
            AND flow_name = ANY ($1) AND id <> ALL ($2)
        ORDER BY priority DESC, id LIMIT $3
        FOR UPDATE SKIP LOCKED
    )
    SELECT * FROM pending UNION ALL SELECT * FROM expired UNION ALL SELECT * FROM woken
    ORDER BY priority DESC, id LIMIT $3";

/// Those who take runs of flows that have a limit do so one after the other, or each would count what the others do not show
/// yet. The number is ours; the lock ends with the transaction.
const ONE_AT_A_TIME: &str = "SELECT pg_advisory_xact_lock(7235519027)";

/// How many background runs of each flow are executed, those that who asks still executes included.
const EXECUTED: &str = "
    SELECT flow_name, count(*) AS runs FROM flow_runs
    WHERE execution_mode = 'background' AND lease_owner IS NOT NULL
        AND flow_name = ANY ($1) AND (lease_until > clock_timestamp() OR id = ANY ($2))
    GROUP BY flow_name";

const TAKE: &str = "
    WITH taken AS (
        UPDATE flow_runs SET lease_owner = $1, lease_epoch = lease_epoch + 1,
            lease_until = clock_timestamp() + $2 * interval '1 microsecond', last_heartbeat = clock_timestamp()
        WHERE id = ANY ($3)
        RETURNING id, priority, lease_epoch AS epoch
    )
    SELECT id, epoch FROM taken ORDER BY priority DESC, id";

pub(super) fn acquire_background(
    connection: &mut Connection,
    wanted: &BackgroundFilter,
    term: LeaseTerm,
) -> QueryResult<Vec<Lease>> {
    let except: Vec<Id> = wanted.except.iter().copied().map(Id).collect();
    let executed = |connection: &mut Connection| {
        connection.batch_execute(ONE_AT_A_TIME)?;
        sql_query(EXECUTED)
            .bind::<Array<Text>, _>(wanted.limited())
            .bind::<Array<sql::Id>, _>(&except)
            .load(connection)
    };
    let free = |connection: &mut Connection, share: Share<'_>| {
        sql_query(FREE)
            .bind::<Array<Text>, _>(share.flow_names)
            .bind::<Array<sql::Id>, _>(&except)
            .bind::<BigInt, _>(i64::from(share.runs))
            .load(connection)
    };
    let first = background::first(connection, wanted, executed, free)?;
    if first.is_empty() {
        return Ok(Vec::new());
    }
    let taken: Vec<Held> = sql_query(TAKE)
        .bind::<Text, _>(term.owner.to_string())
        .bind::<BigInt, _>(micros(term))
        .bind::<Array<sql::Id>, _>(first.into_iter().map(Id).collect::<Vec<_>>())
        .load(connection)?;
    Ok(taken.into_iter().map(Held::lease).collect())
}

/// The rows are locked in the order of their ids first, as [`Lock`] does.
const RENEW: &str = "
    WITH mine AS MATERIALIZED (
        SELECT run.id
        FROM flow_runs AS run JOIN unnest($1, $2) AS held (id, epoch) ON run.id = held.id AND run.lease_epoch = held.epoch
        WHERE run.lease_owner = $3 AND run.root_run_id = run.id
        ORDER BY run.id FOR NO KEY UPDATE OF run
    )
    UPDATE flow_runs AS run
    SET lease_until = clock_timestamp() + $4 * interval '1 microsecond', last_heartbeat = clock_timestamp()
    FROM mine WHERE run.id = mine.id
    RETURNING run.id, run.lease_epoch AS epoch";

pub(super) fn renew(
    connection: &mut Connection,
    leases: &[Lease],
    term: LeaseTerm,
) -> QueryResult<Vec<Lease>> {
    let renewed: Vec<Held> = sql_query(RENEW)
        .bind::<Array<sql::Id>, _>(ids(leases))
        .bind::<Array<BigInt>, _>(epochs(leases))
        .bind::<Text, _>(term.owner.to_string())
        .bind::<BigInt, _>(micros(term))
        .load(connection)?;
    Ok(lost(leases, renewed))
}

fn ids(leases: &[Lease]) -> Vec<Id> {
    leases.iter().map(|lease| Id(lease.root_run_id)).collect()
}

fn epochs(leases: &[Lease]) -> Vec<i64> {
    leases.iter().map(|lease| lease.epoch).collect()
}

/// Those of `leases` that are not among `held`.
fn lost(leases: &[Lease], held: impl IntoIterator<Item = Held>) -> Vec<Lease> {
    let held: HashSet<Lease> = held.into_iter().map(Held::lease).collect();
    let lost = leases.iter().filter(|lease| !held.contains(lease));
    lost.copied().collect()
}
