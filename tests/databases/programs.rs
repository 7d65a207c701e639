//! Programs that come and go on one database, and what becomes of the runs that they leave there.

use std::time::Duration;

use flow_engine::llm::MockBackend;
use flow_engine::{Engine, EngineBuilder, FlowRun, RunStatus, Worker};
use serde_json::Value;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::kinds::{Database, Kind};
use crate::runs::until;

pub(crate) struct Lab {
    database: Database,
}

impl Lab {
    pub(crate) fn new(kind: Kind) -> Self {
        let database = Database::new(kind);
        Self { database }
    }

    pub(crate) fn builder(&self) -> EngineBuilder {
        Engine::builder()
            .database_url(&self.database.url)
            .backend(MockBackend::new())
    }

    pub(crate) async fn engine(&self) -> Engine {
        self.builder().build().await.unwrap()
    }

    pub(crate) async fn program(&self) -> Program {
        let engine = self.engine().await;
        let worker = engine.worker().poll_interval(Duration::from_millis(50));
        Program::start(engine, worker)
    }
}

/// An engine with a worker, which stops when this is dropped.
pub(crate) struct Program {
    pub(crate) engine: Engine,
    pub(crate) worker: JoinHandle<()>,
}

impl Program {
    pub(crate) fn start(engine: Engine, worker: Worker) -> Self {
        Self {
            worker: tokio::spawn(worker.run()),
            engine,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// What no other test is called: all tests of a program share what its steps note.
pub(crate) fn name(of: &str) -> String {
    format!("{of} {}", Uuid::now_v7())
}

/// The row of a run, once it has left memory.
pub(crate) async fn parked(engine: &Engine, run: Uuid) -> FlowRun {
    let row = until(engine, run, |row| row.status == RunStatus::Waiting).await;
    assert_eq!((row.lease_owner.as_deref(), row.lease_until), (None, None));
    row
}

pub(crate) async fn output(engine: &Engine, run: Uuid) -> Value {
    let row = until(engine, run, |row| !row.status.is_open()).await;
    assert_eq!(row.status, RunStatus::Completed, "{:?}", row.error_message);
    row.outputs.unwrap()
}
