//! SQLite: one writer thread with a connection of its own, a small pool of connections that read.
//!
//! One file holds at most one writing transaction at a time, so several writing connections would
//! only wait for each other; one thread that commits whatever is queued as one transaction is many
//! times faster than a transaction a write.

mod connection;
mod lease;
mod list;
mod migration;
mod open;
mod prune;
mod read;
mod session;
#[path = "sql/mod.rs"]
mod sql;
#[cfg(test)]
mod tests;

pub(crate) use open::open;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use {
    read::Readers,
    session::{Session, Waited},
    sql::Fault,
};

use crate::{Write, plan::Action};

type Connection = diesel::SqliteConnection;
type ReadConnection = diesel::SqliteConnection;

/// When a lease ends that begins now, in SQL. The clock is that of the process: all that write a file are on one machine.
macro_rules! lease_end {
    ($term:expr) => {{
        let term: Option<$crate::LeaseTerm> = $term;
        term.map(|term| $crate::sql_types::Ts(term.until(chrono::Utc::now())))
    }};
}

use lease_end;

/// Writes a plan, one action after the other: a statement costs no way to a server.
fn apply_plan(connection: &mut Connection, plan: &[Action<'_>]) -> Result<(), Fault> {
    plan.iter()
        .try_for_each(|action| sql::apply::apply(connection, action))
}

/// It stores whatever a text holds.
fn storable(writes: Vec<Write>) -> Vec<Write> {
    writes
}

/// Whether a statement was refused for what it would write. All other errors are of the file.
fn refuses_the_unit(error: &DieselError) -> bool {
    use DatabaseErrorKind::{
        CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation,
    };
    matches!(
        error,
        DieselError::DatabaseError(
            CheckViolation | ForeignKeyViolation | NotNullViolation | UniqueViolation,
            _
        )
    )
}
