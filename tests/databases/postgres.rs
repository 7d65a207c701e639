//! Databases on the PostgreSQL server that `scripts/test` starts, one for each test that asks.

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use uuid::Uuid;

/// The server of all tests.
pub(crate) fn server() -> String {
    std::env::var("FLOW_ENGINE_TEST_POSTGRES").expect(
        "these tests need a PostgreSQL server: run scripts/test, or scripts/postgres run cargo test …, \
         which start one and set FLOW_ENGINE_TEST_POSTGRES",
    )
}

/// A database that is dropped with this.
#[derive(Debug)]
pub(crate) struct Database {
    server: String,
    pub(crate) name: String,
}

impl Database {
    /// With all that is in the database `template`; the server's own is `template1`, which is empty.
    pub(crate) fn new(template: &str) -> Self {
        let (server, name) = (server(), format!("test_{}", Uuid::now_v7().simple()));
        administer(
            &server,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        );
        Self { server, name }
    }

    pub(crate) fn url(&self) -> String {
        let (address, _) = self.server.rsplit_once('/').unwrap();
        format!("{address}/{}", self.name)
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
pub(crate) fn administer(url: &str, sql: &str) {
    std::thread::scope(|scope| {
        let run = || {
            let mut connection =
                AsyncConnectionWrapper::<AsyncPgConnection>::establish(url).unwrap();
            connection.batch_execute(sql).unwrap();
        };
        scope.spawn(run).join().unwrap();
    });
}
