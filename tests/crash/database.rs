//! The databases of the stories: each has one of its own, which begins as a copy of an empty one with its tables.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};
use tempfile::TempDir;

use crate::disk::Disk;
use crate::postgres;

/// Which database a world has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// What a new database is copied from.
#[derive(Debug)]
pub(crate) enum Empty {
    Sqlite(PathBuf),
    Postgres(postgres::Database),
}

impl Empty {
    pub(crate) async fn new(kind: Kind, folder: &TempDir) -> Self {
        let (empty, url) = match kind {
            Kind::Sqlite => {
                let path = folder.path().join("empty");
                (Self::Sqlite(path.clone()), url(&path))
            }
            Kind::Postgres => {
                let database = postgres::Database::new("template1");
                let url = database.url();
                (Self::Postgres(database), url)
            }
        };
        let store = flow_engine_db::connect(&url).await.unwrap();
        store.close().await;
        drop(store);
        if let Self::Postgres(database) = &empty {
            // One that somebody is connected to is not copied.
            outlives_its_sessions(database);
        }
        empty
    }

    /// The database of one story.
    pub(crate) fn copy(&self, number: usize) -> Database {
        match self {
            Self::Sqlite(empty) => {
                let path = empty.with_file_name(number.to_string());
                fs::copy(empty, &path).unwrap();
                Database::Sqlite(path)
            }
            Self::Postgres(empty) => Database::Postgres(postgres::Database::new(&empty.name)),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres(postgres::Database),
}

impl Database {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => url(path),
            Self::Postgres(database) => database.url(),
        }
    }

    /// Ends the log of SQLite at this byte, if it is that long.
    pub(crate) fn cut_log(&self, byte: u64) {
        let Self::Sqlite(path) = self else {
            unreachable!("a server keeps its files")
        };
        let log = path.with_file_name(format!("{}-wal", path.file_name().unwrap().display()));
        let log = fs::OpenOptions::new().write(true).open(log).unwrap();
        log.set_len(log.metadata().unwrap().len().min(byte))
            .unwrap();
    }

    /// What the last process has left.
    pub(crate) async fn read(&self) -> Disk {
        match self {
            // From a copy, so that the program's own file stays as it was left.
            Self::Sqlite(path) => {
                let folder = tempfile::tempdir().unwrap();
                let name = path.file_name().unwrap().to_str().unwrap();
                // Without the index of the log, which is made anew.
                for suffix in ["", "-wal"] {
                    let from = path.with_file_name(format!("{name}{suffix}"));
                    if from.exists() {
                        fs::copy(&from, folder.path().join(format!("{name}{suffix}"))).unwrap();
                    }
                }
                let copy = folder.path().join(name);
                is_sound(&copy);
                Disk::read(&url(&copy)).await
            }
            Self::Postgres(database) => {
                outlives_its_sessions(database);
                Disk::read(&database.url()).await
            }
        }
    }
}

/// SQLite finds nothing wrong with any page.
fn is_sound(path: &Path) {
    #[derive(diesel::QueryableByName)]
    struct Check {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let mut database = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let checks = diesel::sql_query("PRAGMA integrity_check").load::<Check>(&mut database);
    let checks: Vec<String> = checks
        .unwrap()
        .into_iter()
        .map(|check| check.integrity_check)
        .collect();
    assert_eq!(checks, ["ok"], "{}", path.display());
}

/// Waits until no process is connected any more. What a killed one asked for last is done then, or never will be.
fn outlives_its_sessions(database: &postgres::Database) {
    let wait = format!(
        "DO $$ BEGIN
            WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{}') LOOP
                PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
            END LOOP;
        END $$",
        database.name
    );
    postgres::administer(&postgres::server(), &wait);
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}
