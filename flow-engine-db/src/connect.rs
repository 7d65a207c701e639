//! From a URL to an open [`Store`].

use std::sync::Arc;

use crate::{Store, StoreError, url};

/// Opens the database at `url` and brings its tables up to date.
///
/// # SQLite
///
/// The file is created if it is not there.
/// `sqlite://runs.db` is a file in the working directory, `sqlite:///var/lib/app/runs.db` one with
/// an absolute path. The path is taken literally. Several processes may open one file at the same
/// moment. The file is created with the rights that the process' umask leaves: it holds prompts and
/// answers, so put it into a folder that only its users can enter.
///
/// # PostgreSQL
///
/// `postgres://user:password@host:5432/database`, with the special characters of the password percent-encoded. The database
/// must be there; the tables are made in a schema of their own, `flow_engine`. Its parameters are those that
/// [tokio-postgres](https://docs.rs/tokio-postgres/latest/tokio_postgres/config/struct.Config.html) knows, and of TLS:
///
/// | `sslmode` | what is sent | the certificate |
/// |---|---|---|
/// | `disable` | readable | |
/// | `prefer` (the default) | encrypted if the server can | any |
/// | `require` | encrypted | any: whoever answers is believed |
/// | `verify-full` | encrypted | of the host, and signed by who is trusted by the system, or by those in the PEM file `sslrootcert` |
///
/// The user needs the right to create the schema, or the schema and rights on all in it. Settings and prepared statements
/// belong to a session, so a proxy between (`PgBouncer`) must pool sessions, not transactions.
///
/// It must be called inside a tokio runtime.
///
/// # Errors
///
/// - [`UnsupportedUrl`](StoreError::UnsupportedUrl): another kind of database, or not a URL.
/// - [`CannotOpen`](StoreError::CannotOpen): a missing folder, a folder in place of the file, no
///   permission to write; a server that is not there or refuses the user, a missing database or right, ….
/// - [`NotADatabase`](StoreError::NotADatabase): the file is something else. It is not changed.
/// - [`NewerDatabase`](StoreError::NewerDatabase): its tables are of a newer version. Nothing is
///   written.
/// - [`Migration`](StoreError::Migration): the tables cannot be made. Nothing is left half made.
pub async fn connect(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    match url::parse(url)? {
        #[cfg(feature = "sqlite")]
        url::DatabaseUrl::Sqlite(path) => crate::sqlite::open(path).await,
        #[cfg(feature = "postgres")]
        url::DatabaseUrl::Postgres(target) => crate::postgres::open(*target).await,
    }
}
