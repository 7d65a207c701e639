//! [`Fault`]: why a unit was not written, as the writer sees it.

use diesel::result::Error as DieselError;
use uuid::Uuid;

use super::refuses_the_unit;
use crate::StoreError;

/// Why a transaction failed, before it is told to those who wait.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The row is finished or gone.
    NotOpen { what: &'static str, id: Uuid },
    /// The lease of the root run is not the newest, or the run is gone.
    LeaseLost { root_run_id: Uuid },
    /// Another run of the flow has the idempotency key.
    KeyTaken { run_id: Uuid },
    /// A statement failed.
    Database {
        action: &'static str,
        source: DieselError,
    },
    /// The connection was lost and cannot be opened again.
    Connection(StoreError),
}

impl Fault {
    /// Whether this unit is at fault, so that others can still be committed in the same
    /// transaction.
    pub(crate) fn is_about_the_unit(&self) -> bool {
        match self {
            Self::NotOpen { .. } | Self::LeaseLost { .. } | Self::KeyTaken { .. } => true,
            Self::Database { source, .. } => refuses_the_unit(source),
            Self::Connection(_) => false,
        }
    }
}

/// For the statements of a transaction itself.
impl From<DieselError> for Fault {
    fn from(source: DieselError) -> Self {
        Self::Database {
            action: "commit",
            source,
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotOpen { what, id } => Self::NotOpen { what, id },
            Fault::LeaseLost { root_run_id } => Self::LeaseLost { root_run_id },
            Fault::KeyTaken { run_id } => Self::KeyTaken { run_id },
            Fault::Database { action, source } => Self::Query {
                action,
                source: source.into(),
            },
            Fault::Connection(error) => error,
        }
    }
}
