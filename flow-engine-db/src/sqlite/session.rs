//! The writer's connection: transactions that wait for their turn, and a new connection when one is
//! beyond repair.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use diesel::{
    SqliteConnection,
    connection::{AnsiTransactionManager, TransactionManager as _},
    result::Error as DieselError,
};

use super::{Fault, connection};
use crate::StoreError;

/// After this long without the lock a batch is given up. SQLite's own turns are ten seconds each.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// How long the transactions of one batch have waited for the lock, all together: while another
/// process keeps it, each of them in turn would wait as long.
#[derive(Debug, Default)]
pub(super) struct Waited(Duration);

pub(super) struct Session {
    path: PathBuf,
    connection: Option<SqliteConnection>,
    patience: Duration,
}

impl Session {
    pub(super) fn new(path: PathBuf, connection: SqliteConnection) -> Self {
        Self {
            path,
            connection: Some(connection),
            patience: PATIENCE,
        }
    }

    /// Runs `body` in a transaction of its own. `body` runs again if the lock was not to be had, and
    /// not at all once the patience of its batch is used up.
    pub(super) fn transaction<T>(
        &mut self,
        waited: &mut Waited,
        mut body: impl FnMut(&mut SqliteConnection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        while waited.0 < self.patience {
            let begun = Instant::now();
            // It begins as a writing transaction: one that reads first and writes later can fail
            // for good half-way.
            let connection = self.connection()?;
            // Why it failed: with a full disk SQLite has rolled back by then, and diesel would tell that it cannot.
            let mut failed = None;
            let outcome = connection.immediate_transaction(|connection| {
                body(connection).map_err(|fault| {
                    failed = Some(fault);
                    DieselError::RollbackTransaction
                })
            });
            let outcome = outcome.map_err(|error| failed.unwrap_or_else(|| error.into()));
            if AnsiTransactionManager::is_broken_transaction_manager(connection) {
                self.connection = None;
            }
            match outcome {
                Err(fault) if is_locked(&fault) => {
                    thread::sleep(PAUSE);
                    waited.0 += begun.elapsed();
                }
                outcome => return outcome,
            }
        }
        Err(Fault::Connection(StoreError::Busy {
            location: self.path.display().to_string(),
            waited_seconds: waited.0.as_secs(),
        }))
    }

    /// Forgets the connection, whatever state it is in; the next transaction opens another.
    pub(super) fn discard(&mut self) {
        self.connection = None;
    }

    fn connection(&mut self) -> Result<&mut SqliteConnection, Fault> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(connection::writer(&self.path).map_err(Fault::Connection)?)),
        }
    }
}

/// Whether another process held the lock: the same transaction can succeed later.
fn is_locked(fault: &Fault) -> bool {
    matches!(fault, Fault::Database { source, .. } if connection::is_locked(source))
}

#[cfg(test)]
impl Session {
    /// A session that does not wait inside SQLite and has little patience, and another connection
    /// to the same file.
    pub(super) fn contended(folder: &tempfile::TempDir) -> (Self, SqliteConnection) {
        use diesel::{Connection as _, connection::SimpleConnection as _};

        let path = folder.path().join("runs.db");
        drop(connection::create(&path).unwrap());
        let other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let mut own = connection::writer(&path).unwrap();
        own.batch_execute("PRAGMA busy_timeout = 0").unwrap();
        let patience = Duration::from_millis(500);
        (
            Self {
                patience,
                ..Self::new(path, own)
            },
            other,
        )
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;

    use super::*;

    fn contended(folder: &tempfile::TempDir) -> (Session, SqliteConnection) {
        let (session, mut other) = Session::contended(folder);
        other.batch_execute("CREATE TABLE t (n)").unwrap();
        (session, other)
    }

    fn insert(connection: &mut SqliteConnection) -> Result<(), Fault> {
        Ok(connection.batch_execute("INSERT INTO t VALUES (1)")?)
    }

    #[test]
    fn a_transaction_waits_while_another_process_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, mut other) = contended(&folder);
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        let release = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            other.batch_execute("COMMIT").unwrap();
        });
        session.transaction(&mut Waited::default(), insert).unwrap();
        release.join().unwrap();
    }

    #[test]
    fn a_lock_that_is_never_released_is_an_error_and_the_next_transaction_works() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, mut other) = contended(&folder);
        other.batch_execute("BEGIN IMMEDIATE").unwrap();

        let fault = session
            .transaction(&mut Waited::default(), insert)
            .unwrap_err();
        assert!(
            matches!(fault, Fault::Connection(StoreError::Busy { .. })),
            "{fault:?}"
        );

        other.batch_execute("COMMIT").unwrap();
        session.transaction(&mut Waited::default(), insert).unwrap();
    }

    #[test]
    fn a_discarded_connection_is_opened_again_but_a_deleted_file_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, other) = contended(&folder);
        session.discard();
        session.transaction(&mut Waited::default(), insert).unwrap();

        session.discard();
        drop(other);
        let path = folder.path().join("runs.db");
        std::fs::remove_file(&path).unwrap();
        let fault = session
            .transaction(&mut Waited::default(), insert)
            .unwrap_err();
        assert!(
            matches!(fault, Fault::Connection(StoreError::CannotOpen { .. })),
            "{fault:?}"
        );
        assert!(!path.exists());
    }
}
