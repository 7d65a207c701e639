//! Background runs whose process is gone, or that belong to another version of the program; what a worker's log says.

mod left;
mod log;
mod stopped;
mod versions;

use std::time::Duration;

use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};
use flow_engine::prelude::*;
use flow_engine::{EngineBuilder, FlowRun, RunStatus};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::support::{mock, start};

/// Until when what a test waits for must be there.
const STUCK: Duration = Duration::from_secs(30);

/// An engine, and its database, on which a test does what other processes do.
struct Lab {
    engine: Engine,
    folder: TempDir,
}

impl Lab {
    async fn new() -> Self {
        Self::leasing(Duration::from_secs(10)).await
    }

    async fn leasing(duration: Duration) -> Self {
        let (engine, folder) = start(builder().lease(duration)).await;
        Self { engine, folder }
    }

    /// Another engine on the same database, as a new process would have it.
    async fn another(&self, with: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Engine {
        let url = format!("sqlite://{}", self.path());
        with(builder().database_url(url)).build().await.unwrap()
    }

    fn path(&self) -> String {
        self.folder.path().join("test.db").display().to_string()
    }

    /// Changes this many rows.
    fn change(&self, rows: usize, statement: &str) {
        let mut database = SqliteConnection::establish(&self.path()).unwrap();
        diesel::sql_query("PRAGMA busy_timeout = 10000")
            .execute(&mut database)
            .unwrap();
        let changed = diesel::sql_query(statement).execute(&mut database);
        assert_eq!(changed.unwrap(), rows, "{statement}");
    }

    async fn row(&self, id: Uuid) -> FlowRun {
        self.engine.find_run(id).await.unwrap().unwrap()
    }

    /// Waits until a run is as a test wants it.
    async fn until(&self, id: Uuid, is_so: impl Fn(&FlowRun) -> bool) -> FlowRun {
        let seen = async {
            loop {
                let row = self.row(id).await;
                if is_so(&row) {
                    return row;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let Ok(row) = timeout(STUCK, seen).await else {
            panic!("it stays {:?}", self.row(id).await);
        };
        row
    }

    async fn until_status(&self, id: Uuid, status: RunStatus) -> FlowRun {
        self.until(id, |run| run.status == status).await
    }

    /// While a worker executes what is queued.
    async fn at_work<T>(&self, meanwhile: impl Future<Output = T>) -> T {
        let worker = self
            .engine
            .worker()
            .poll_interval(Duration::from_millis(20));
        tokio::select! {
            () = worker.run() => unreachable!("it ends when it is dropped"),
            done = meanwhile => done,
        }
    }
}

fn builder() -> EngineBuilder {
    Engine::builder()
        .policy(flow_engine::Policy::once())
        .backend(mock())
        .model("test-model")
        .state(crate::support::Greeting("hello"))
}

#[step]
async fn double_number(number: u32) -> u32 {
    number * 2
}

/// Two steps.
#[flow]
async fn quadruple(number: u32) -> Result<u32> {
    Ok(double_number(double_number(number).await?).await?)
}

/// Never comes to its end.
#[step]
async fn stands_still(number: u32) -> u32 {
    std::future::pending::<()>().await;
    number
}

#[flow]
async fn doubles_and_stands_still(number: u32) -> Result<u32> {
    Ok(stands_still(double_number(number).await?).await?)
}
