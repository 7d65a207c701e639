//! The writer's connection: transactions that are tried again while the server is away, on a new connection.

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::{Connection as _, connection::SimpleConnection as _};

use super::{
    Connection, Fault,
    connection::{self, Role},
    runtime::OwnRuntime,
    target::Target,
    transient,
};
use crate::StoreError;

/// After this long without success a batch is given up: a restart takes seconds, a failover half a minute.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two tries, growing from the one to the other.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long the transactions of one batch have failed, all together: while the server is away, each of them in turn would
/// wait as long.
#[derive(Debug, Default)]
pub(super) struct Waited(Duration);

pub(super) struct Session {
    target: Target,
    runtime: OwnRuntime,
    connection: Option<Connection>,
    patience: Duration,
}

impl Session {
    pub(super) fn new(target: Target, runtime: OwnRuntime) -> Self {
        Self {
            target,
            runtime,
            connection: None,
            patience: PATIENCE,
        }
    }

    /// Runs `body` in a transaction of its own. `body` runs again after a fault that passes, also if it is not known
    /// whether the commit succeeded: what it writes can be written twice. It does not run at all once the patience of its
    /// batch is used up.
    pub(super) fn transaction<T>(
        &mut self,
        waited: &mut Waited,
        mut body: impl FnMut(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut pause = PAUSE;
        loop {
            let begun = Instant::now();
            let passing = match self.connection() {
                Ok(connection) => match connection.transaction(&mut body) {
                    Err(fault) if passes(connection, &fault) => fault,
                    outcome => return outcome,
                },
                Err(refused) => refused,
            };
            // Whatever state it is in: the server may have forgotten it.
            self.connection = None;
            if waited.0 + begun.elapsed() >= self.patience {
                return Err(self.give_up(waited.0 + begun.elapsed(), passing));
            }
            tracing::debug!(fault = ?passing, "a transaction is tried again");
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            waited.0 += begun.elapsed();
        }
    }

    /// Forgets the connection; the next transaction opens another.
    pub(super) fn discard(&mut self) {
        self.connection = None;
    }

    fn give_up(&self, waited: Duration, fault: Fault) -> Fault {
        let location = self.target.location.clone();
        let waited_seconds = waited.as_secs();
        let error = match fault {
            Fault::Database { source, .. } if transient::is_locked(&source) => StoreError::Busy {
                location,
                waited_seconds,
            },
            fault => StoreError::Unreachable {
                location,
                waited_seconds,
                source: StoreError::from(fault).into(),
            },
        };
        Fault::Connection(error)
    }

    fn connection(&mut self) -> Result<&mut Connection, Fault> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => {
                let handle = self.runtime.handle();
                let opened = handle.block_on(connection::open(&self.target, Role::Write));
                let opened = opened
                    .map_err(|refusal| Fault::Connection(refusal.into_error(&self.target)))?;
                // Its statements wait in the runtime that this enters.
                let _entered = handle.enter();
                Ok(none.insert(Connection::from(opened)))
            }
        }
    }
}

/// Whether the same transaction can succeed later. Where an error does not say so, its text may be in another language: a
/// connection that is gone was the reason.
fn passes(connection: &mut Connection, fault: &Fault) -> bool {
    match fault {
        Fault::NotOpen { .. } | Fault::LeaseLost { .. } | Fault::Connection(_) => false,
        Fault::Database { source, .. } => {
            transient::is_transient(source) || connection.batch_execute("SELECT 1").is_err()
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
