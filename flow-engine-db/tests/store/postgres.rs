//! PostgreSQL: the scenarios of every store, and what is special to a server.

use diesel::connection::SimpleConnection as _;
use diesel_async::{AsyncPgConnection, async_connection_wrapper::AsyncConnectionWrapper};
use flow_engine_db::connect;
use uuid::Uuid;

use crate::conformance::Fresh;

/// A connection that blocks its thread, for threads without a runtime.
type Connection = AsyncConnectionWrapper<AsyncPgConnection>;

/// The server of all tests; each makes a database of its own on it.
fn server() -> String {
    std::env::var("FLOW_ENGINE_TEST_POSTGRES").expect(
        "these tests need a PostgreSQL server: run scripts/test, or scripts/postgres run cargo test …, \
         which start one and set FLOW_ENGINE_TEST_POSTGRES",
    )
}

/// A database that is dropped with this.
struct Database {
    server: String,
    name: String,
}

impl Database {
    fn new() -> Self {
        let (server, name) = (server(), format!("test_{}", Uuid::now_v7().simple()));
        administer(&server, &format!("CREATE DATABASE {name}"));
        Self { server, name }
    }

    fn url(&self) -> String {
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

mod conformance {
    store_conformance!(super::fresh);
}
