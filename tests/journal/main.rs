//! What a run recorded is not executed again: resuming, forking and sharing, on a real database and a mocked model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod choices;
mod choices_together;
mod clock;
mod draws;
mod drops;
mod endings;
mod fan_out;
mod lab;
mod late;
mod leases;
mod maps;
mod model;
mod moves;
mod order;
mod refused;
mod reopened;
mod resume;
mod rules;
mod sweep;
mod totals;
mod values;
