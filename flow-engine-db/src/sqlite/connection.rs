//! How a connection is opened: its pragmas, and what an error at that moment means.

use std::{fmt::Write as _, path::Path, thread, time::Duration};

use diesel::{
    Connection, SqliteConnection, connection::SimpleConnection, result::Error as DieselError,
};

use crate::StoreError;

/// How long SQLite itself waits for another process' transaction: with several busy processes,
/// seconds are normal.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 10000;";

/// The switch to WAL fails at once while another process makes it too, whatever the busy timeout
/// says.
const WAL_ATTEMPTS: u32 = 500;
const WAL_PAUSE: Duration = Duration::from_millis(20);

/// - `synchronous = FULL`: what was acknowledged survives a power loss, not only a crash.
/// - `wal_autocheckpoint`: in pages, 64 MB; a checkpoint stalls the writer, so there are few.
/// - `journal_size_limit`: the WAL file shrinks again after a burst.
const PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = 16000;
    PRAGMA journal_size_limit = 67108864;";

/// Opens the file, creates it if it is not there, and does no more: nothing is written yet.
pub(super) fn create(path: &Path) -> Result<SqliteConnection, StoreError> {
    if path.is_dir() {
        return Err(cannot_open(path, "it is a folder; add a file name", None));
    }
    match path.parent() {
        Some(folder) if !folder.exists() => {
            let reason = format!(
                "the folder {} does not exist; create it first",
                folder.display()
            );
            return Err(cannot_open(path, &reason, None));
        }
        Some(folder) if !folder.is_dir() => {
            return Err(cannot_open(
                path,
                &format!("{} is not a folder", folder.display()),
                None,
            ));
        }
        _ => {}
    }
    // SQLite takes a file of a single byte for an empty one and would overwrite it. Only its length
    // is looked at: closing a file that this process has open elsewhere would drop SQLite's locks
    // on it.
    if path.metadata().is_ok_and(|file| file.len() == 1) {
        return Err(StoreError::NotADatabase {
            location: path.display().to_string(),
            source: "the file is a single byte long".into(),
        });
    }
    establish(path, "rwc")
}

/// Opens a connection that writes to a database whose tables are there.
pub(super) fn writer(path: &Path) -> Result<SqliteConnection, StoreError> {
    let mut connection = establish(path, "rw")?;
    configure(&mut connection, path)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn reader(path: &Path) -> Result<SqliteConnection, StoreError> {
    let mut connection = establish(path, "rw")?;
    configure(&mut connection, path)?;
    let query_only = connection.batch_execute("PRAGMA query_only = ON;");
    query_only.map_err(|error| explain(path, error))?;
    Ok(connection)
}

/// Switches the database to WAL, which it stays, and sets what each connection must set for itself.
pub(super) fn configure(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    for attempt in 1.. {
        match connection.batch_execute("PRAGMA journal_mode = WAL;") {
            Ok(()) => break,
            Err(error) if is_locked(&error) && attempt < WAL_ATTEMPTS => thread::sleep(WAL_PAUSE),
            Err(error) => return Err(explain(path, error)),
        }
    }
    connection
        .batch_execute(PRAGMAS)
        .map_err(|error| explain(path, error))
}

/// What an error says about the file, when it comes from a connection that is being opened.
pub(super) fn explain(path: &Path, error: DieselError) -> StoreError {
    let text = error.to_string();
    if text.contains("file is not a database") {
        return StoreError::NotADatabase {
            location: path.display().to_string(),
            source: error.into(),
        };
    }
    let reason = if text.contains("readonly") {
        "it is read-only; allow writing to the file and its folder"
    } else if text.contains("unable to open") {
        "the file or its folder cannot be written; check their permissions"
    } else if text.contains("disk is full") {
        "the disk is full"
    } else if is_locked(&error) {
        "another process keeps it locked"
    } else if text.contains("malformed") {
        "the file is damaged; restore it from a backup"
    } else {
        "the database refused"
    };
    cannot_open(path, reason, Some(error.into()))
}

/// Whether the database was locked by another connection: the same statement can succeed later.
pub(super) fn is_locked(error: &DieselError) -> bool {
    match error {
        // diesel keeps no result code, only SQLite's text: "database is locked", "database table is locked", ….
        DieselError::DatabaseError(_, details) => details.message().contains("is locked"),
        _ => false,
    }
}

fn establish(path: &Path, mode: &str) -> Result<SqliteConnection, StoreError> {
    let connection = SqliteConnection::establish(&file_url(path, mode));
    let mut connection = connection.map_err(|error| {
        cannot_open(
            path,
            "the file cannot be opened for writing; check its permissions",
            Some(error.into()),
        )
    })?;
    connection
        .batch_execute(BUSY_TIMEOUT)
        .map_err(|error| explain(path, error))?;
    Ok(connection)
}

/// `file:` with a mode, so that a connection opened later does not create a file that was deleted
/// meanwhile.
fn file_url(path: &Path, mode: &str) -> String {
    let mut url = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b':' | b'\\' => {
                url.push(char::from(*byte));
            }
            // Writing to a `String` does not fail.
            other => drop(write!(url, "%{other:02X}")),
        }
    }
    url.push_str("?mode=");
    url.push_str(mode);
    url
}

fn cannot_open(path: &Path, reason: &str, source: Option<crate::error::Cause>) -> StoreError {
    StoreError::CannotOpen {
        location: path.display().to_string(),
        reason: reason.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use diesel::RunQueryDsl as _;

    use super::*;

    #[test]
    fn the_switch_to_wal_waits_while_another_connection_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let mut other = establish(&path, "rwc").unwrap();
        let read = "CREATE TABLE t (n); BEGIN; SELECT count(*) FROM t;";
        other.batch_execute(read).unwrap();
        let release = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            other.batch_execute("COMMIT").unwrap();
        });
        let mut own = establish(&path, "rw").unwrap();
        own.batch_execute("PRAGMA busy_timeout = 0").unwrap();

        configure(&mut own, &path).unwrap();

        release.join().unwrap();
    }

    #[test]
    fn a_connection_that_reads_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        create(&path)
            .unwrap()
            .batch_execute("CREATE TABLE t (n)")
            .unwrap();
        let error = reader(&path)
            .unwrap()
            .batch_execute("INSERT INTO t VALUES (1)");
        assert!(error.unwrap_err().to_string().contains("readonly"));
    }

    #[test]
    fn a_commit_is_flushed_to_the_disk() {
        #[derive(diesel::QueryableByName)]
        struct Setting {
            #[diesel(sql_type = diesel::sql_types::Integer)]
            synchronous: i32,
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        create(&path).unwrap();
        let mut connection = writer(&path).unwrap();
        let setting =
            diesel::sql_query("PRAGMA synchronous").get_result::<Setting>(&mut connection);
        // 2 is FULL: the only mode in which an acknowledged commit survives a power loss.
        assert_eq!(setting.unwrap().synchronous, 2);
    }
}
