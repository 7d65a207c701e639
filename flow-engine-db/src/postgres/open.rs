//! From a URL to an open store.

use std::sync::Arc;

use super::{
    Connection,
    connection::{self, Role},
    migration,
    read::Readers,
    runtime::OwnRuntime,
    session::Session,
    sql::{SqlStore, writer::Writer},
    target::Target,
};
use crate::{Store, StoreError, error::Cause};

/// More do not write faster, on a disk that can do only one thing at a time.
const WRITERS: usize = 2;

/// Connects, and brings the tables up to date. A server that is not there now is an error at once: later it is waited for.
pub(crate) async fn open(target: Target) -> Result<Arc<dyn Store>, StoreError> {
    let location = target.location.clone();
    let cannot = |reason: &str, source: Cause| StoreError::CannotOpen {
        location: location.clone(),
        reason: reason.to_owned(),
        source: Some(source),
    };
    let runtime =
        OwnRuntime::new().map_err(|error| cannot("its threads cannot be started", error.into()))?;
    let prepared = runtime.handle().spawn(prepare(target.clone()));
    prepared
        .await
        .map_err(|ended| cannot("opening it broke off", ended.into()))??;

    let readers = Readers::new(&target, runtime.clone())
        .map_err(|error| cannot("its readers cannot be set up", error.into()))?;
    let mut writers = Vec::with_capacity(WRITERS);
    for _ in 0..WRITERS {
        let writer = Writer::spawn(Session::new(target.clone(), runtime.clone()))
            .map_err(|error| cannot("the threads that write it cannot be started", error.into()))?;
        writers.push(writer);
    }
    Ok(Arc::new(SqlStore::new(location.clone(), readers, writers)))
}

/// On a connection that is closed again: it may have waited long for its turn.
async fn prepare(target: Target) -> Result<(), StoreError> {
    let opened = connection::open(&target, Role::Write).await;
    let opened = opened.map_err(|refusal| refusal.into_error(&target))?;
    let location = target.location.clone();
    let migrated = tokio::task::spawn_blocking(move || {
        let mut connection = Connection::from(opened);
        migration::run(&mut connection, &target)
    });
    migrated.await.unwrap_or_else(|ended| {
        Err(StoreError::Migration {
            location,
            source: ended.into(),
        })
    })
}
