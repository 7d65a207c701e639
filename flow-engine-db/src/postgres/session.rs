//! The writer's connection: transactions that are tried again while the server is away, on a new connection.

use std::{
    sync::Arc,
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

/// How long the transactions of one batch have failed, all together, and the last reason: while the server is away, each of
/// them in turn would wait as long.
#[derive(Debug, Default)]
pub(super) struct Waited {
    time: Duration,
    locked: bool,
    reason: Option<Arc<StoreError>>,
}

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
        while waited.time < self.patience {
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
            waited.locked =
                matches!(&passing, Fault::Database { source, .. } if transient::is_locked(source));
            let reason = Arc::new(StoreError::from(passing));
            if waited.reason.is_none() {
                tracing::warn!(
                    error = &*reason as &dyn std::error::Error,
                    "the database {} failed, and is tried again",
                    self.target.location
                );
            }
            waited.reason = Some(reason);
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            waited.time += begun.elapsed();
        }
        Err(Fault::Connection(self.gave_up(waited)))
    }

    /// Forgets the connection; the next transaction opens another.
    pub(super) fn discard(&mut self) {
        self.connection = None;
    }

    fn gave_up(&self, waited: &Waited) -> StoreError {
        let location = self.target.location.clone();
        let waited_seconds = waited.time.as_secs();
        match &waited.reason {
            Some(reason) if !waited.locked => StoreError::Unreachable {
                location,
                waited_seconds,
                source: Arc::clone(reason).into(),
            },
            _ => StoreError::Busy {
                location,
                waited_seconds,
            },
        }
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
        Fault::NotOpen { .. }
        | Fault::LeaseLost { .. }
        | Fault::KeyTaken { .. }
        | Fault::Connection(_) => false,
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        Lease, NewRun,
        plan::Lineage,
        postgres::sql::{Gaps, group},
        unit::Unit,
    };

    /// Whichever pass finds the server away.
    #[test]
    fn a_server_that_is_away_is_waited_for_once_and_not_once_a_unit() {
        // A port that was free a moment ago.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let target = Target::parse(&format!("postgres://ada:s3cret@{address}/app")).unwrap();
        let mut session = Session {
            patience: Duration::from_millis(500),
            ..Session::new(target, OwnRuntime::new().unwrap())
        };
        let run = Uuid::now_v7();
        let unit = Unit {
            lease: Lease::first(run),
            writes: vec![NewRun::new(run, "flow", "{}").into()],
        };
        let begun = Instant::now();

        let outcomes = group::commit(
            &mut session,
            &mut Waited::default(),
            &vec![unit; 50],
            &mut Lineage::default(),
            &mut Gaps::default(),
        );

        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(outcomes.len(), 50);
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("nothing listens there"), "{source}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }
}
