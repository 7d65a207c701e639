//! What the clock starts.

use std::time::Duration;

use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{DateTime, Engine, EngineBuilder, Utc, current};

/// The tick that started the run.
pub(crate) fn tick() -> Option<DateTime<Utc>> {
    current().unwrap().scheduled_at()
}

#[step]
async fn note(tick: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    tick
}

#[flow(schedule = "* * * * * *")]
pub(crate) async fn each_second() -> Result<Option<DateTime<Utc>>> {
    Ok(note().maybe_tick(tick()).await?)
}

pub(crate) fn engine(database: &str) -> EngineBuilder {
    let builder = Engine::builder().database_url(database);
    builder
        .backend(MockBackend::new())
        .lease(Duration::from_secs(2))
}

pub(crate) async fn work(engine: &Engine) {
    let worker = engine.worker().poll_interval(Duration::from_millis(100));
    worker.run().await;
}
