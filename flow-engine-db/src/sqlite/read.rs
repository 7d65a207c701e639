//! [`Readers`]: a small pool of connections that cannot write.

use std::path::{Path, PathBuf};

use diesel::{ConnectionError, QueryResult, SqliteConnection};
use diesel_async::{
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{BuildError, Pool},
    },
    sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper},
};

use super::connection;
use crate::{BoxFuture, StoreError, error::Cause};

/// Enough that a slow list does not hold up the rest; more do not read faster.
const CONNECTIONS: usize = 4;

type Pooled = SyncConnectionWrapper<SqliteConnection, CurrentRuntime>;

/// Reads on the runtime of who reads: the one on which a connection was opened may be gone, as that of a test is after it.
struct CurrentRuntime;

impl SpawnBlocking for CurrentRuntime {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Cause>> {
        let read = tokio::task::spawn_blocking(task);
        Box::pin(async { Ok(read.await?) })
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// The connections that read.
pub(super) struct Readers {
    pool: Pool<Pooled>,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers")
            .field("pool", &self.pool.status())
            .finish()
    }
}

impl Readers {
    pub(super) fn new(path: &Path) -> Result<Self, BuildError> {
        let path = path.to_owned();
        let mut config = ManagerConfig::default();
        // A file has no network to lose: a connection is asked nothing before it is used again.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_url| Box::pin(open(path.clone())));
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        Ok(Self {
            pool: Pool::builder(manager).max_size(CONNECTIONS).build()?,
        })
    }

    /// Reads in a task of its own. Who waits may go away at any moment, and a connection must not be given up in the middle of
    /// a read: diesel-async would block the thread, or panic on a runtime that has only one.
    pub(super) fn read<T: Send + 'static>(
        &self,
        action: &'static str,
        read: impl FnMut(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let pool = self.pool.clone();
        Box::pin(async move {
            let failed = move |source: Cause| StoreError::Query { action, source };
            let read = tokio::spawn(async move {
                let mut connection = pool.get().await.map_err(|error| failed(error.into()))?;
                let read = connection.spawn_blocking(read).await;
                read.map_err(|error| failed(error.into()))
            });
            read.await.unwrap_or_else(|ended| Err(failed(ended.into())))
        })
    }
}

async fn open(path: PathBuf) -> Result<Pooled, ConnectionError> {
    let opened = tokio::task::spawn_blocking(move || connection::reader(&path)).await;
    let error = match opened {
        Ok(Ok(connection)) => {
            return Ok(SyncConnectionWrapper::with_runtime(
                connection,
                CurrentRuntime,
            ));
        }
        Ok(Err(error)) => error.to_string(),
        Err(ended) => ended.to_string(),
    };
    Err(ConnectionError::BadConnection(error))
}
