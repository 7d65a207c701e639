//! [`Readers`]: a pool of connections that cannot write.

use std::time::{Duration, Instant};

use diesel::{ConnectionError, QueryResult};
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{BuildError, Pool},
    },
};

use super::{
    ReadConnection,
    connection::{self, Role},
    runtime::OwnRuntime,
    target::Target,
    transient::is_transient,
};
use crate::{BoxFuture, StoreError, error::Cause};

/// Enough that a slow list does not hold up the rest. A server has connections for all its clients together.
const CONNECTIONS: usize = 8;

/// After this long without an answer a read fails: somebody looks at it, who can ask again.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two tries, growing from the one to the other.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The connections that read.
pub(super) struct Readers {
    pool: Pool<AsyncPgConnection>,
    runtime: OwnRuntime,
    location: String,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers")
            .field("pool", &self.pool.status())
            .finish_non_exhaustive()
    }
}

/// What came of one try, with what is needed for the next.
enum Try<T, R> {
    Done(Result<T, StoreError>),
    Again(R, Cause),
}

impl Readers {
    pub(super) fn new(target: &Target, runtime: OwnRuntime) -> Result<Self, BuildError> {
        let location = target.location.clone();
        let target = target.clone();
        let mut config = ManagerConfig::default();
        // A connection is asked nothing before it is used again; one that has died since is found out by the read.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_url| {
            let target = target.clone();
            Box::pin(async move {
                let opened = connection::open(&target, Role::Read).await;
                opened.map_err(|refusal| {
                    ConnectionError::CouldntSetupConfiguration(refusal.into_diesel())
                })
            })
        });
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        Ok(Self {
            pool: Pool::builder(manager).max_size(CONNECTIONS).build()?,
            runtime,
            location,
        })
    }

    /// Reads in a task of its own, which goes on to its end whether or not anybody waits for it: no connection is given up in
    /// the middle of a read. A read whose connection is lost is done again on another one.
    pub(super) fn read<T: Send + 'static>(
        &self,
        action: &'static str,
        read: impl FnMut(&mut ReadConnection) -> QueryResult<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (pool, runtime, location) = (
            self.pool.clone(),
            self.runtime.clone(),
            self.location.clone(),
        );
        Box::pin(async move {
            let task = runtime.handle().spawn(async move {
                let (begun, mut pause, mut read) = (Instant::now(), PAUSE, read);
                loop {
                    let cause = match try_once(&pool, action, read).await {
                        Try::Done(outcome) => return outcome,
                        Try::Again(same, cause) => {
                            read = same;
                            cause
                        }
                    };
                    if begun.elapsed() >= PATIENCE {
                        return Err(StoreError::Unreachable {
                            location,
                            waited_seconds: begun.elapsed().as_secs(),
                            source: cause,
                        });
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            });
            let outcome = task.await;
            // Kept until here: the task lives in it.
            drop(runtime);
            outcome.unwrap_or_else(|ended| Err(failed(action, ended.into())))
        })
    }
}

async fn try_once<T, R>(
    pool: &Pool<AsyncPgConnection>,
    action: &'static str,
    mut read: R,
) -> Try<T, R>
where
    T: Send + 'static,
    R: FnMut(&mut ReadConnection) -> QueryResult<T> + Send + 'static,
{
    let connection = match pool.get().await {
        Ok(connection) => connection,
        // Whatever it is: the first connection of this store was had.
        Err(error) => return Try::Again(read, error.into()),
    };
    let blocking = tokio::task::spawn_blocking(move || {
        let mut connection = ReadConnection::from(connection);
        let outcome = read(&mut connection);
        (outcome, read)
    });
    match blocking.await {
        Ok((Ok(rows), _)) => Try::Done(Ok(rows)),
        Ok((Err(error), read)) if is_transient(&error) => Try::Again(read, error.into()),
        Ok((Err(error), _)) => Try::Done(Err(failed(action, error.into()))),
        Err(ended) => Try::Done(Err(failed(action, ended.into()))),
    }
}

fn failed(action: &'static str, source: Cause) -> StoreError {
    StoreError::Query { action, source }
}
