//! The SQL of a store, and the queue in front of it. This folder is compiled once for each database, as a module of
//! `sqlite` and as one of `postgres`, since the types of diesel's queries cannot be generic over both. What differs comes
//! from the module above: its connections, how a transaction is tried again, and the statements that follow here.

pub(super) mod apply;
pub(super) mod artifacts;
mod fault;
pub(super) mod gaps;
pub(super) mod group;
pub(super) mod query;
mod store;
pub(super) mod writer;

pub(super) use fault::Fault;
pub(super) use gaps::Gaps;
pub(super) use store::SqlStore;

use super::{
    Connection, ReadConnection, Readers, Session, Waited, apply_plan, lease, lease_end, prune,
    refuses_the_unit, storable,
};
