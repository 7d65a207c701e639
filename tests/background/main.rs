//! Runs that are executed while their caller goes on, and what the caller keeps of them, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod ends;
mod events;
mod flows;
mod following;
#[path = "../databases/kinds.rs"]
mod kinds;
#[path = "../databases/programs.rs"]
mod programs;
#[path = "../databases/runs.rs"]
mod runs;
mod spawned;
mod waiting;

use flow_engine::{Call, Error, RunHandle};
use kinds::{Kind, on_both};
use programs::{Lab, Program, name, output, parked};
use runs::{PATIENCE, eventually, until};

impl Program {
    /// Before its database is deleted, for which a write would be tried again for a minute.
    async fn stop(&mut self) {
        self.worker.abort();
        let _aborted = (&mut self.worker).await;
        self.engine.close().await;
    }
}

/// The end of a run by its handle, which must come.
async fn end<C: Call>(handle: &RunHandle<C>) -> Result<C::Executed, Error> {
    let end = tokio::time::timeout(PATIENCE, handle.wait()).await;
    end.expect("it does not come")
}
