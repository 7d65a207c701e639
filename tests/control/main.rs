//! What is done to runs from outside while they are executed, by the same engine and by another one, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod cancel;
mod doors;
#[path = "../databases/kinds.rs"]
mod kinds;
mod model;
mod pause;
mod retry;
#[path = "../databases/runs.rs"]
mod runs;

use std::time::Duration;

use flow_engine::Engine;
use kinds::{Database, Kind, on_both};
use model::Model;
use runs::{PATIENCE, eventually, until};

/// A database with a model that never answers.
struct Lab {
    kind: Kind,
    model: Model,
    database: Database,
}

impl Lab {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            model: Model::start(),
            database: Database::new(kind),
        }
    }

    /// Its leases last for long: what another engine does is not found out by renewing them.
    async fn engine(&self) -> Engine {
        Engine::builder()
            .database_url(&self.database.url)
            .backend(self.model.backend())
            .model("slow")
            .lease(Duration::from_hours(1))
            .build()
            .await
            .unwrap()
    }
}
