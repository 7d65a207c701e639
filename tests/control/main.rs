//! What is done to runs from outside while they are executed, by the same engine and by another one, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod cancel;
mod doors;
mod model;
mod pause;
#[path = "../databases/postgres.rs"]
mod postgres;
mod retry;

use std::any::Any;
use std::time::{Duration, Instant};

use flow_engine::{Engine, FlowRun};
use uuid::Uuid;

use crate::model::Model;

/// Until when what is waited for must have come.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Sqlite,
    Postgres,
}

/// A database with a model that never answers.
struct Lab {
    kind: Kind,
    url: String,
    model: Model,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Lab {
    async fn new(kind: Kind) -> Self {
        let (url, keep): (String, Box<dyn Any + Send + Sync>) = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("test.db").display());
                (url, Box::new(folder))
            }
            Kind::Postgres => {
                let database = postgres::Database::new("template1");
                (database.url(), Box::new(database))
            }
        };
        let model = Model::start().await;
        Self {
            kind,
            url,
            model,
            _keep: keep,
        }
    }

    /// Its leases last for long: what another engine does is not found out by renewing them.
    async fn engine(&self) -> Engine {
        Engine::builder()
            .database_url(&self.url)
            .backend(self.model.backend())
            .model("slow")
            .lease(Duration::from_hours(1))
            .build()
            .await
            .unwrap()
    }
}

/// Waits until a run stands as `is` says.
async fn until(engine: &Engine, run: Uuid, is: impl Fn(&FlowRun) -> bool) -> FlowRun {
    let begin = Instant::now();
    loop {
        if let Some(row) = engine.find_run(run).await.unwrap()
            && is(&row)
        {
            return row;
        }
        assert!(begin.elapsed() < PATIENCE, "it does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One test for each database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(&$crate::Lab::new($crate::Kind::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(&$crate::Lab::new($crate::Kind::Postgres).await).await;
            }
        })+
    };
}

use on_both;
