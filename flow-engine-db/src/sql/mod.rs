//! The SQL of a store, and the queue in front of it. This folder is compiled once for each database, as a module of
//! `sqlite` and as one of `postgres`, since the types of diesel's queries cannot be generic over both. What differs comes
//! from the module above: its connections, how a transaction is tried again, and the statements that follow here.

pub(super) mod apply;
pub(super) mod artifacts;
pub(super) mod background;
pub(super) mod control;
mod fault;
pub(super) mod gaps;
pub(super) mod group;
pub(super) mod query;
pub(super) mod schedules;
mod signals;
pub(super) mod standing;
mod store;
pub(super) mod writer;

pub(super) use fault::Fault;
pub(super) use gaps::Gaps;
pub(super) use store::SqlStore;

use diesel::QueryResult;
use uuid::Uuid;

use super::{
    Connection, ReadConnection, Readers, Session, Waited, apply_plan, lease, lease_end, list,
    prune, refuses_the_unit, storable,
};
use crate::sql_types::Id;

/// Asks for any number of rows by their ids: a database takes only so many values in a statement.
fn in_pieces<Row>(
    ids: &[Uuid],
    mut load: impl FnMut(Vec<Id>) -> QueryResult<Vec<Row>>,
) -> QueryResult<Vec<Row>> {
    let mut rows = Vec::with_capacity(ids.len());
    for some in ids.chunks(500) {
        rows.extend(load(some.iter().copied().map(Id).collect())?);
    }
    Ok(rows)
}
