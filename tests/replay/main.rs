//! Random flows, cut anywhere, replay to the same output and pay nothing twice; and a long one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod dropped_reads;
mod found;
mod generate;
mod held;
mod ledger;
mod long;
mod model;
mod order;
mod program;
mod random;
mod trial;
