//! Where runs stand, for who waits for them.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use super::{ReadConnection, in_pieces, lease};
use crate::{
    schema::flow_runs::dsl,
    sql_types::{Id, Ts},
};

/// The id, the status, when it goes on by itself, and until when somebody has it.
pub(in super::super) type Row = (Id, String, Option<Ts>, Option<Ts>);

/// Those of these runs that are there, and the time after they were read.
pub(in super::super) fn of_runs(
    connection: &mut ReadConnection,
    run_ids: &[Uuid],
) -> QueryResult<(Vec<Row>, DateTime<Utc>)> {
    let rows = in_pieces(run_ids, |some| {
        dsl::flow_runs
            .filter(dsl::id.eq_any(some))
            .select((dsl::id, dsl::status, dsl::wake_at, dsl::lease_until))
            .load(connection)
    })?;
    Ok((rows, lease::now(connection)?))
}
