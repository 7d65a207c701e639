//! [`SqlStore`]: the store of a database, and how what is asked of it gets to its connections.

mod operations;

use std::sync::Arc;

use diesel::QueryResult;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    Connection, Fault, ReadConnection, Readers,
    writer::{Job, Passed, Writer},
};
use crate::{BoxFuture, Commit, StoreError, commit::log_unseen};

/// The store of a database: connections that read, and writers of which each has its share of the root runs.
#[derive(Debug)]
pub(crate) struct SqlStore {
    location: String,
    readers: Readers,
    writers: Arc<Vec<Writer>>,
}

impl SqlStore {
    pub(crate) fn new(location: String, readers: Readers, writers: Vec<Writer>) -> Self {
        Self {
            location,
            readers,
            writers: Arc::new(writers),
        }
    }

    /// The writer of a root run: always the same, so that what is submitted for it keeps its order.
    fn writer(&self, root_run_id: Uuid) -> &Writer {
        // The end of an id is random.
        let share = root_run_id.as_u128() % self.writers.len() as u128;
        &self.writers[usize::try_from(share).unwrap_or(0)]
    }

    /// Reads rows and makes records of them.
    fn read<Rows: Send + 'static, T>(
        &self,
        action: &'static str,
        read: impl FnMut(&mut ReadConnection) -> QueryResult<Rows> + Send + 'static,
        into_record: impl FnOnce(Rows) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let rows = self.readers.read(action, read);
        Box::pin(async move { into_record(rows.await?) })
    }

    /// Writes in a transaction of its own, behind everything submitted before to that writer and, if `others` says so, to
    /// them: queued when this returns.
    fn write<T: Send + 'static>(
        writer: &Writer,
        others: Option<Commit>,
        action: &'static str,
        mut body: impl FnMut(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (acknowledge, written) = oneshot::channel();
        let job = Job::Alone(Box::new(move |session, waited| {
            if let Some(passed) = others {
                // It fails if they are closed: nothing of them is left to wait for.
                drop(passed.wait());
            }
            let outcome = session.transaction(waited, |connection| {
                body(connection).map_err(|source| Fault::Database { action, source })
            });
            if let Err(unseen) = acknowledge.send(outcome.map_err(StoreError::from)) {
                log_unseen(unseen);
            }
        }));
        let sent = writer.send(job);
        Box::pin(async move {
            sent.map_err(|_refused| StoreError::Closed)?;
            // The writer drops its end only when it panics.
            written.await.unwrap_or(Err(StoreError::WriterFailed))
        })
    }

    /// The same, for what is of no root run or of one that is not known: behind everything submitted before to any writer.
    fn write_behind_all<T: Send + 'static>(
        &self,
        action: &'static str,
        body: impl FnMut(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        // Only the first writer ever waits for the others, so they cannot wait for each other.
        let (first, others) = (&self.writers[0], &self.writers[1..]);
        Self::write(first, Some(Self::barrier_in(others)), action, body)
    }

    fn barrier_in(writers: &[Writer]) -> Commit {
        let (acknowledge, commit) = Commit::pending();
        let passed = Passed::new(acknowledge);
        for writer in writers {
            if writer.send(Job::Barrier(Arc::clone(&passed))).is_err() {
                return Commit::ready(Err(StoreError::Closed));
            }
        }
        commit
    }
}
