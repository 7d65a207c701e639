//! From a path to an open store.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    connection, migration,
    read::Readers,
    session::Session,
    sql::{SqlStore, writer::Writer},
};
use crate::{Store, StoreError};

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
    let writer = Writer::spawn(Session::new(path.clone(), connection))
        .map_err(|error| cannot("the thread that writes it cannot be started", error.into()))?;
    Ok(Arc::new(SqlStore::new(location, readers, vec![writer])))
}
