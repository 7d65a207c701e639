//! What flows wait for durably: times and signals, in memory and out of it, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod flows;
#[path = "../databases/kinds.rs"]
mod kinds;
mod many;
mod memory;
#[path = "../databases/programs.rs"]
mod programs;
mod restarts;
#[path = "../databases/runs.rs"]
mod runs;
mod signals;

use kinds::{Kind, on_both};
use programs::{Lab, Program, name, output, parked};
use runs::{PATIENCE, eventually, until};
