//! The storage of flow-engine: tables, records and the [`Store`], on diesel.
//!
//! [`connect`] opens a database and gives a [`Store`]. What happens is written with
//! [`Store::submit`]: a unit of [`Write`]s that is committed as one, behind everything submitted
//! before it. It returns at once; the [`Commit`] it returns resolves when the unit is on disk. Each unit
//! is submitted under the [`Lease`] of its root run.
//!
//! ```
//! use std::time::Duration;
//!
//! use flow_engine_db::{
//!     Lease, LeaseTerm, NewRun, NewStep, Progress, RunFinish, RunStatus, StepFinish, StepStatus,
//! };
//! use uuid::Uuid;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}/runs.db", folder.path().display());
//! let store = flow_engine_db::connect(&url).await?;
//! let (run, step) = (Uuid::now_v7(), Uuid::now_v7());
//!
//! // This process executes the run: for half a minute, unless it renews its lease.
//! let term = LeaseTerm { owner: Uuid::now_v7(), duration: Duration::from_secs(30) };
//! let lease = Lease::first(run);
//! let new = NewRun::new(run, "article_processing", r#"{"style":"short"}"#);
//!
//! // Posted: nobody waits for a start. A failure is logged, and its finish fails too.
//! store.submit(lease, vec![
//!     NewRun { lease: Some(term), ..new }.into(),
//!     NewStep::new(step, run, "summarize", 0).into(),
//! ]);
//!
//! // Waited for: when this returns, the step is on disk.
//! let mut finish = StepFinish::new(step, StepStatus::Completed);
//! finish.outputs = Some(r#"{"title":"Rust"}"#.to_owned());
//! store.submit(lease, vec![finish.into()]).await?;
//!
//! // The end of a run closes what is still open below it.
//! let finish = RunFinish::new(run, RunStatus::Completed, Progress::default());
//! store.submit(lease, vec![finish.into()]).await?;
//!
//! assert_eq!(store.run(run).await?.unwrap().status, RunStatus::Completed);
//! assert_eq!(store.steps(run).await?[0].outputs.as_ref().unwrap()["title"], "Rust");
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What a store promises
//!
//! - A unit is committed as a whole or not at all; a unit that fails does not fail its neighbours.
//! - What was acknowledged survives a crash and a power loss, and is seen by every later read.
//! - Of several processes that want a root run, one has it, and only what that one submits is written:
//!   [`LeaseLost`](StoreError::LeaseLost) to the others. Requests to models are recorded all the same,
//!   since they were paid for.
//! - A row that has ended stays so: a write that comes too late is
//!   [`NotOpen`](StoreError::NotOpen). Only a run is opened again, by [`RunReopen`]. The same write a
//!   second time changes nothing.
//! - Ids are made by the caller, as UUID v7: their order is the order of the lists. Times are kept
//!   to the microsecond, and JSON is stored as the text it came in.
//!
//! # Databases
//!
//! SQLite (feature `sqlite`, on by default; compiled in). Its file is written by one thread, which
//! commits whatever is queued as one transaction. Several processes may share a file.
//!
//! PostgreSQL (feature `postgres`, off by default; 13 or newer, without libpq): in the schema
//! `flow_engine` of a database that may be the application's own. Two threads write, each with its
//! share of the root runs. A server that restarts is waited for: writes for a minute, reads for a
//! quarter of that; then they are [`Unreachable`](StoreError::Unreachable). In texts that are not
//! JSON the character NUL, which PostgreSQL does not take, becomes U+FFFD. See [`connect`] for its
//! URL and TLS.

#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(
        dead_code,
        reason = "a build without a database opens none, and queues nothing"
    )
)]
// The folder `sql` is compiled once for each database.
#![cfg_attr(
    all(feature = "sqlite", feature = "postgres"),
    expect(
        clippy::duplicate_mod,
        reason = "diesel's types of queries cannot be generic over both databases"
    )
)]

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod column;
mod commit;
mod connect;
mod error;
mod filter;
mod forward;
mod lease;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod plan;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod schema;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql_types;
#[cfg(feature = "sqlite")]
mod sqlite;
mod status;
mod store;
mod text_enum;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod unit;
mod url;
mod write;

pub use commit::Commit;
pub use connect::connect;
pub use error::StoreError;
pub use filter::{PruneFilter, RunFilter};
pub use lease::{BackgroundFilter, FoundRun, Lease, LeaseTerm, NewestLease};
pub use record::{
    FlowRun, FlowSchedule, FlowStepRun, Journal, JournalStep, LlmRequest, Outline, OutlineRun,
    OutlineStep, Paid, RunFork, Schedules, Signal, Standing, Standings,
};
pub use status::{ExecutionMode, RequestStatus, RunStatus, StepStatus};
pub use store::{BoxFuture, Store};
pub use text_enum::UnknownText;
pub use write::{
    HitNote, NamedArtifact, NewFork, NewRequest, NewRun, NewSignal, NewStep, Progress,
    RequestFinish, RunFinish, RunPark, RunProgress, RunReopen, ScheduleAdvance, SignalTake,
    StepFinish, StepMove, StepResolve, StepRetire, Takeovers, Write,
};

/// What [`forward_store`] names.
#[doc(hidden)]
pub mod __forward {
    pub use chrono::{DateTime, Utc};
    pub use uuid::Uuid;

    pub use crate::*;
}
