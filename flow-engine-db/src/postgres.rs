//! PostgreSQL: two writers, each with a connection and a share of the root runs, and a pool of connections that read.
//!
//! A writer waits for the disk most of the time: two of them commit side by side. All connections live in a runtime of the
//! store's own, so that a store is used and dropped wherever its caller likes.

#[macro_use]
mod rows;
mod bulk;
mod connection;
mod failing;
mod lease;
mod list;
mod migration;
mod open;
mod prune;
mod read;
mod runtime;
mod session;
#[path = "sql/mod.rs"]
mod sql;
mod target;
mod tls;
mod transient;

pub(crate) use {open::open, target::Target};

use crate::Write;
use diesel::result::Error as DieselError;
use diesel_async::{
    AsyncPgConnection, async_connection_wrapper::AsyncConnectionWrapper,
    pooled_connection::deadpool::Object,
};
use {
    bulk::apply_plan,
    read::Readers,
    session::{Session, Waited},
    sql::Fault,
};

/// As a connection that blocks its thread: the writers have threads of their own, and reads run on such.
type Connection = AsyncConnectionWrapper<AsyncPgConnection>;
type ReadConnection = AsyncConnectionWrapper<Object<AsyncPgConnection>>;

/// When a lease ends that begins now, in SQL. The clock is that of the server: the machines of processes have their own.
macro_rules! lease_end {
    ($term:expr) => {{
        let term: Option<$crate::LeaseTerm> = $term;
        diesel::dsl::sql::<diesel::sql_types::Nullable<$crate::sql_types::sql::Ts>>(
            "clock_timestamp() + ",
        )
        .bind::<diesel::sql_types::Nullable<diesel::sql_types::BigInt>, _>(
            term.map($crate::postgres::lease::micros),
        )
        .sql(" * interval '1 microsecond'")
    }};
}

use lease_end;

/// No text of PostgreSQL holds the character NUL, which models and servers may still send. What happened is worth more than
/// that: it is replaced. JSON has an escape for it.
fn storable(mut writes: Vec<Write>) -> Vec<Write> {
    let replace = |text: &mut Option<String>| {
        if let Some(text) = text
            && text.contains('\0')
        {
            *text = text.replace('\0', "\u{fffd}");
        }
    };
    for write in &mut writes {
        match write {
            Write::FinishRun(end) => replace(&mut end.error_message),
            Write::FinishStep(end) => replace(&mut end.error_message),
            Write::ResolveStep(step) => replace(&mut step.error_message),
            Write::FinishRequest(end) => {
                replace(&mut end.response);
                replace(&mut end.error_message);
            }
            _ => {}
        }
    }
    writes
}

/// Whether a statement was refused for what it would write. What is of the connection or the server passes, or is found
/// again in each unit.
fn refuses_the_unit(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(..))
        && !transient::is_transient(error)
        && !failing::is_failing(error)
}
