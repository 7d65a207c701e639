//! A process with a worker: `working DATABASE`. It works until it is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    reason = "a program of a test, which shares its flows"
)]

mod flows;

use std::time::Duration;

use flow_engine::Engine;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let database = std::env::args().nth(1).expect("a database");
    let builder = Engine::builder().database_url(database);
    let builder = builder
        .backend(flows::model())
        .lease(Duration::from_secs(2));
    let engine = builder.build().await.unwrap();
    let worker = engine.worker().concurrency(flows::CONCURRENCY);
    worker.poll_interval(Duration::from_millis(200)).run().await;
}
