//! A process with a worker: `ticking DATABASE`. It works until it is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program of a test"
)]

mod flows;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let database = std::env::args().nth(1).expect("a database");
    let engine = flows::engine(&database).build().await.unwrap();
    flows::work(&engine).await;
}
