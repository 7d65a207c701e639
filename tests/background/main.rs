//! Runs that are executed while their caller goes on, and what the caller keeps of them, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod ends;
mod events;
mod flows;
#[path = "../databases/postgres.rs"]
mod postgres;
mod spawned;
mod waiting;

use std::any::Any;
use std::time::{Duration, Instant};

use flow_engine::llm::MockBackend;
use flow_engine::{Call, Engine, Error, FlowRun, RunHandle, RunStatus};
use serde_json::Value;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Until when what is waited for must have come.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Sqlite,
    Postgres,
}

/// A database, and programs that come and go on it.
struct Lab {
    url: String,
    _keep: Box<dyn Any + Send>,
}

impl Lab {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("test.db").display());
                Self {
                    url,
                    _keep: Box::new(folder),
                }
            }
            Kind::Postgres => {
                let database = postgres::Database::new("template1");
                let url = database.url();
                Self {
                    url,
                    _keep: Box::new(database),
                }
            }
        }
    }

    async fn engine(&self) -> Engine {
        Engine::builder()
            .database_url(&self.url)
            .backend(MockBackend::new())
            .build()
            .await
            .unwrap()
    }

    async fn program(&self) -> Program {
        let engine = self.engine().await;
        let worker = engine.worker().poll_interval(Duration::from_millis(50));
        Program {
            worker: tokio::spawn(worker.run()),
            engine,
        }
    }
}

/// An engine with a worker, which stops when this is dropped.
struct Program {
    engine: Engine,
    worker: JoinHandle<()>,
}

impl Program {
    /// Before its database is deleted, for which a write would be tried again for a minute.
    async fn stop(&mut self) {
        self.worker.abort();
        let _aborted = (&mut self.worker).await;
        self.engine.close().await;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// Waits until a run stands as `is` says.
async fn until(engine: &Engine, run: Uuid, is: impl Fn(&FlowRun) -> bool) -> FlowRun {
    let begin = Instant::now();
    loop {
        let row = engine.find_run(run).await.unwrap();
        match row {
            Some(row) if is(&row) => return row,
            row => assert!(begin.elapsed() < PATIENCE, "it does not come: {row:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The end of a run by its handle, which must come.
async fn end<C: Call>(handle: &RunHandle<C>) -> Result<C::Executed, Error> {
    let end = tokio::time::timeout(PATIENCE, handle.wait()).await;
    end.expect("it does not come")
}

async fn parked(engine: &Engine, run: Uuid) -> FlowRun {
    let row = until(engine, run, |row| row.status == RunStatus::Waiting).await;
    assert_eq!((row.lease_owner.as_deref(), row.lease_until), (None, None));
    row
}

async fn output(engine: &Engine, run: Uuid) -> Value {
    let row = until(engine, run, |row| {
        !row.status.is_open() && row.status != RunStatus::Interrupted
    })
    .await;
    assert_eq!(row.status, RunStatus::Completed, "{:?}", row.error_message);
    row.outputs.unwrap()
}

/// One test for each database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(&$crate::Lab::new($crate::Kind::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(&$crate::Lab::new($crate::Kind::Postgres)).await;
            }
        })+
    };
}

use on_both;
