//! PostgreSQL: the scenarios of every store, and what is special to a server.

use diesel::connection::SimpleConnection as _;
use diesel_async::{AsyncPgConnection, async_connection_wrapper::AsyncConnectionWrapper};
use flow_engine_db::connect;
use uuid::Uuid;

use crate::conformance::Fresh;

mod ambiguous;
mod bulk;
mod crash;
mod full;
mod late;
mod migrations;
mod million;
mod open;
mod plans;
mod processes;
mod rows;
mod tls;

/// A connection that blocks its thread, for threads without a runtime.
pub(crate) type Connection = AsyncConnectionWrapper<AsyncPgConnection>;

/// The server of all tests; each makes a database of its own on it.
fn server() -> String {
    std::env::var("FLOW_ENGINE_TEST_POSTGRES").expect(
        "these tests need a PostgreSQL server: run scripts/test, or scripts/postgres run cargo test …, \
         which start one and set FLOW_ENGINE_TEST_POSTGRES",
    )
}

/// A database that is dropped with this.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    pub(crate) fn new() -> Self {
        let (server, name) = (server(), format!("test_{}", Uuid::now_v7().simple()));
        administer(&server, &format!("CREATE DATABASE {name}"));
        Self { server, name }
    }

    pub(crate) fn url(&self) -> String {
        let (address, _) = self.server.rsplit_once('/').unwrap();
        format!("{address}/{}", self.name)
    }

    /// Runs statements that nobody waits for otherwise.
    fn run(&self, sql: &str) {
        administer(&self.url(), sql);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A store that still has connections to it loses them.
        administer(
            &self.server,
            &format!("DROP DATABASE {} WITH (FORCE)", self.name),
        );
    }
}

/// In a thread of its own, since a test is inside of a runtime.
fn administer(url: &str, sql: &str) {
    std::thread::scope(|scope| {
        let run = || {
            let mut connection = <Connection as diesel::Connection>::establish(url).unwrap();
            connection.batch_execute(sql).unwrap();
        };
        scope.spawn(run).join().unwrap();
    });
}

async fn fresh() -> Fresh {
    let database = Database::new();
    let url = database.url();
    Fresh {
        store: connect(&url).await.unwrap(),
        url,
        keep: Box::new(database),
    }
}

/// A server of its own, which a test may kill, in a folder that is removed with it.
struct OwnServer {
    folder: tempfile::TempDir,
}

impl OwnServer {
    /// `files` are put beside its data: a certificate and a key.
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        Self { folder }
    }

    /// Starts it, again on the same port if it ran before, and gives the URL.
    fn start(&self) -> String {
        self.script("start")
    }

    /// As a crash of the machine would, but for the disk.
    fn kill(&self) {
        self.script("kill");
    }

    fn script(&self, what: &str) -> String {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/postgres");
        let output = std::process::Command::new(script)
            .arg(what)
            .arg(self.folder.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "scripts/postgres {what}: {told}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.script("stop");
    }
}

mod conformance {
    store_conformance!(super::fresh);
}
