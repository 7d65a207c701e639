//! From a URL to an open [`Store`].

use std::sync::Arc;

use crate::{Store, StoreError, url};

/// Opens the database at `url`, creates it if it is not there, and brings its tables up to date.
///
/// `sqlite://runs.db` is a file in the working directory, `sqlite:///var/lib/app/runs.db` one with
/// an absolute path. The path is taken literally. Several processes may open one file at the same
/// moment. The file is created with the rights that the process' umask leaves: it holds prompts and
/// answers, so put it into a folder that only its users can enter.
///
/// It must be called inside a tokio runtime.
///
/// # Errors
///
/// - [`UnsupportedUrl`](StoreError::UnsupportedUrl): another kind of database, or not a URL.
/// - [`CannotOpen`](StoreError::CannotOpen): a missing folder, a folder in place of the file, no
///   permission to write, ….
/// - [`NotADatabase`](StoreError::NotADatabase): the file is something else. It is not changed.
/// - [`NewerDatabase`](StoreError::NewerDatabase): its tables are of a newer version. Nothing is
///   written.
/// - [`Migration`](StoreError::Migration): the tables cannot be made. Nothing is left half made.
pub async fn connect(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    match url::parse(url)? {
        #[cfg(feature = "sqlite")]
        url::DatabaseUrl::Sqlite(path) => crate::sqlite::open(path).await,
        #[cfg(not(feature = "sqlite"))]
        url::DatabaseUrl::Sqlite(_) => unreachable!("refused by `parse` in a build without SQLite"),
    }
}
