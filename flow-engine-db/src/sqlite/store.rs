//! [`SqliteStore`]: the [`Store`] of an SQLite file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use diesel::{QueryResult, SqliteConnection};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    apply, connection,
    fault::Fault,
    lease, migration,
    read::Readers,
    writer::{Job, Writer},
};
use crate::{
    BackgroundFilter, BoxFuture, Commit, FlowRun, FlowStepRun, Journal, JournalStep, Lease,
    LeaseTerm, LlmRequest, RunFilter, RunFork, Store, StoreError, Write, commit::log_unseen,
    unit::Unit,
};

#[derive(Debug)]
struct SqliteStore {
    location: String,
    readers: Arc<Readers>,
    writer: Arc<Writer>,
}

impl SqliteStore {
    /// Reads in a task of its own. Who waits may go away at any moment, and a connection must not be given up in the middle of
    /// a read: diesel-async would block the thread, or panic on a runtime that has only one.
    fn read<T, F>(
        &self,
        action: &'static str,
        read: impl FnOnce(Arc<Readers>) -> F + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        Box::pin(async move {
            let read = tokio::spawn(async move { read(readers).await }).await;
            read.unwrap_or_else(|ended| {
                Err(StoreError::Query {
                    action,
                    source: ended.into(),
                })
            })
        })
    }

    /// Writes in a transaction of its own, behind everything submitted before: queued when this returns.
    fn write<T: Send + 'static>(
        &self,
        action: &'static str,
        mut body: impl FnMut(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (acknowledge, written) = oneshot::channel();
        let job = Job::Alone(Box::new(move |session, waited| {
            let outcome = session.transaction(waited, |connection| {
                body(connection).map_err(|source| Fault::Database { action, source })
            });
            if let Err(unseen) = acknowledge.send(outcome.map_err(StoreError::from)) {
                log_unseen(unseen);
            }
        }));
        let sent = self.writer.send(job);
        Box::pin(async move {
            sent.map_err(|_refused| StoreError::Closed)?;
            // The writer drops its end only when it panics.
            written.await.unwrap_or(Err(StoreError::WriterFailed))
        })
    }
}

/// Opens the file, or creates it, and brings its tables up to date.
pub(crate) async fn open(path: PathBuf) -> Result<Arc<dyn Store>, StoreError> {
    let location = path.display().to_string();
    let opened = tokio::task::spawn_blocking(move || open_blocking(&path)).await;
    opened.unwrap_or_else(|ended| {
        Err(StoreError::CannotOpen {
            location,
            reason: "opening it broke off".to_owned(),
            source: Some(ended.into()),
        })
    })
}

fn open_blocking(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let cannot = |reason: &str, source: crate::error::Cause| StoreError::CannotOpen {
        location: path.display().to_string(),
        reason: reason.to_owned(),
        source: Some(source),
    };
    // Connections are opened later too, and the program may change its folder meanwhile.
    let path =
        std::path::absolute(path).map_err(|error| cannot("its path is not valid", error.into()))?;

    let mut connection = connection::create(&path)?;
    migration::refuse_newer(&mut connection, &path)?;
    connection::configure(&mut connection, &path)?;
    migration::run(&mut connection, &path)?;

    let readers = Readers::new(&path)
        .map_err(|error| cannot("its readers cannot be set up", error.into()))?;
    let location = path.display().to_string();
    let writer = Writer::spawn(path.clone(), connection)
        .map_err(|error| cannot("the thread that writes it cannot be started", error.into()))?;
    Ok(Arc::new(SqliteStore {
        location,
        readers: Arc::new(readers),
        writer: Arc::new(writer),
    }))
}

impl Store for SqliteStore {
    fn submit(&self, lease: Lease, writes: Vec<Write>) -> Commit {
        let (acknowledge, commit) = Commit::pending();
        let unit = Unit { lease, writes };
        match self.writer.send(Job::Unit { unit, acknowledge }) {
            Ok(()) => commit,
            Err(_refused) => Commit::ready(Err(StoreError::Closed)),
        }
    }

    fn barrier(&self) -> Commit {
        let (acknowledge, commit) = Commit::pending();
        match self.writer.send(Job::Barrier(acknowledge)) {
            Ok(()) => commit,
            Err(_refused) => Commit::ready(Err(StoreError::Closed)),
        }
    }

    fn acquire(
        &self,
        run_id: Uuid,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Option<Lease>, StoreError>> {
        self.write("take the lease of a flow run", move |connection| {
            lease::acquire(connection, run_id, term)
        })
    }

    fn acquire_background(
        &self,
        wanted: BackgroundFilter,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>> {
        self.write("take the leases of background runs", move |connection| {
            lease::acquire_background(connection, &wanted, term)
        })
    }

    fn renew(
        &self,
        leases: Vec<Lease>,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>> {
        self.write("renew the leases of flow runs", move |connection| {
            lease::renew(connection, &leases, term)
        })
    }

    fn run(&self, id: Uuid) -> BoxFuture<'_, Result<Option<FlowRun>, StoreError>> {
        self.read("read a flow run", move |readers| async move {
            readers.run(id).await
        })
    }

    fn runs(&self, filter: RunFilter) -> BoxFuture<'_, Result<Vec<FlowRun>, StoreError>> {
        self.read("list flow runs", move |readers| async move {
            readers.runs(filter).await
        })
    }

    fn steps(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<FlowStepRun>, StoreError>> {
        self.read("read step runs", move |readers| async move {
            readers.steps(run_id).await
        })
    }

    fn requests(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<LlmRequest>, StoreError>> {
        self.read("read llm requests", move |readers| async move {
            readers.requests(run_id).await
        })
    }

    fn request(&self, id: Uuid) -> BoxFuture<'_, Result<Option<LlmRequest>, StoreError>> {
        self.read("read an llm request", move |readers| async move {
            readers.request(id).await
        })
    }

    fn journal(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Journal, StoreError>> {
        self.read("read a journal", move |readers| async move {
            readers.journal(root_run_id).await
        })
    }

    fn cached_step(
        &self,
        cache_key: &str,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<JournalStep>, StoreError>> {
        let key = cache_key.to_owned();
        self.read("look up a shared result", move |readers| async move {
            readers.cached_step(key, since).await
        })
    }

    fn fork(&self, run_id: Uuid) -> BoxFuture<'_, Result<Option<RunFork>, StoreError>> {
        self.read("read a fork", move |readers| async move {
            readers.fork(run_id).await
        })
    }

    fn delete_run(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.write("delete a flow run", move |connection| {
            apply::delete_run(connection, id)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.writer.stop();
        let writer = Arc::clone(&self.writer);
        Box::pin(async move {
            let joined = tokio::task::spawn_blocking(move || writer.join()).await;
            if let Err(error) = joined {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "closing the database broke off"
                );
            }
        })
    }

    fn location(&self) -> &str {
        &self.location
    }
}
