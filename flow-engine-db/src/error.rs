//! [`StoreError`]: the one error of this crate. Parsing a stored word alone fails with
//! [`UnknownText`](crate::UnknownText).

use uuid::Uuid;

use crate::RunStatus;

/// The cause of a [`StoreError`], kept for logs.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong when a database is opened, written or read.
///
/// The text of an error leaves its source out; walk [`source`](std::error::Error::source) for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL is for a database that this build cannot use, or it is not a URL of a database.
    #[error("cannot use `{url}` as a database: {reason}")]
    UnsupportedUrl {
        /// The URL; of one that is not of SQLite only the scheme, since a password may follow.
        url: String,
        /// What is wrong with it, and what is accepted.
        reason: String,
    },

    /// The database could not be opened or created.
    #[error("cannot open the database {location}: {reason}")]
    CannotOpen {
        /// Its path, or its URL without a password.
        location: String,
        /// What is in the way, and what to do.
        reason: String,
        /// What the database said, where it was asked.
        #[source]
        source: Option<Cause>,
    },

    /// The file exists and is something else. It was not changed.
    #[error("{location} is not an SQLite database: choose another path or move the file away")]
    NotADatabase {
        /// Its path.
        location: String,
        /// What SQLite said.
        #[source]
        source: Cause,
    },

    /// The tables were made by a newer version. Nothing was written.
    #[error(
        "the database {location} was made by a newer version (migration {migration} is unknown): \
         upgrade flow-engine, or choose another database"
    )]
    NewerDatabase {
        /// Its path, or its URL without a password.
        location: String,
        /// The first migration that this build does not know.
        migration: String,
    },

    /// The tables could not be created or brought up to date. The database is as it was before.
    #[error("cannot bring the tables of the database {location} up to date")]
    Migration {
        /// Its path, or its URL without a password.
        location: String,
        /// What failed.
        #[source]
        source: Cause,
    },

    /// A write was for a row that is finished, or that is not there.
    ///
    /// It was finished by the end of its run, by another process, or its run was deleted: stop
    /// working on it.
    #[error("{what} {id} is not open in the database")]
    NotOpen {
        /// `flow run`, `step run` or `llm request`.
        what: &'static str,
        /// The id of the row.
        id: Uuid,
    },

    /// The unit was submitted under a lease that is not the newest of its root run: another process has
    /// taken the run, because this one was silent for too long, or the run was deleted. Nothing of the unit
    /// was written: stop working on the run.
    #[error(
        "the lease of the run {root_run_id} is lost: another process has it, or it was deleted"
    )]
    LeaseLost {
        /// The root run.
        root_run_id: Uuid,
    },

    /// A run of the flow has this idempotency key already. Nothing of the unit was written: what was asked for is that run.
    #[error("the run {run_id} has this idempotency key already")]
    KeyTaken {
        /// The run that has it.
        run_id: Uuid,
    },

    /// Runs with this status have not ended, and so cannot be pruned. Nothing was deleted.
    #[error("runs that are {status} have not ended: they cannot be pruned")]
    NotEnded {
        /// The status that was asked for.
        status: RunStatus,
    },

    /// The store was closed before this was submitted.
    #[error("the database is closed: nothing more can be written")]
    Closed,

    /// Another process kept the database locked for longer than this store waits. Trying again
    /// later is safe.
    #[error("the database {location} was locked by another process for {waited_seconds} s")]
    Busy {
        /// Its path, or its URL without a password.
        location: String,
        /// How long it was tried, in seconds.
        waited_seconds: u64,
    },

    /// The server was away for longer than this store waits, or did not answer. Whether the last try was
    /// written is not known; trying again later is safe.
    #[error("the database {location} could not be reached for {waited_seconds} s")]
    Unreachable {
        /// Its URL without a password.
        location: String,
        /// How long it was tried, in seconds.
        waited_seconds: u64,
        /// What was in the way the last time.
        #[source]
        source: Cause,
    },

    /// The thread that writes broke off while it worked on this. The outcome is unknown; it goes on
    /// with the next.
    #[error("the database writer broke off: the write may be lost")]
    WriterFailed,

    /// A statement failed: the disk is full, the file became read-only, a row it refers to is
    /// missing, ….
    #[error("the database failed to {action}")]
    Query {
        /// What was tried: `start a step run`, `read runs`, ….
        action: &'static str,
        /// What the database said.
        #[source]
        source: Cause,
    },

    /// A stored value is not what its column holds: it was changed by hand, or by a newer version.
    #[error("cannot read {table}.{column} of row {id}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The id of the row.
        id: Uuid,
        /// What is wrong with the value.
        #[source]
        source: Cause,
    },
}

impl StoreError {
    /// Whether the row to be written was finished or gone; see [`StoreError::NotOpen`].
    pub const fn is_not_open(&self) -> bool {
        matches!(self, Self::NotOpen { .. })
    }

    /// Whether another process has the run, or it is gone; see [`StoreError::LeaseLost`].
    pub const fn is_lease_lost(&self) -> bool {
        matches!(self, Self::LeaseLost { .. })
    }

    /// Whether the store had been closed; see [`StoreError::Closed`].
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}
