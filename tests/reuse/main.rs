//! Recorded results used again: plans, explanations, forks, results shared between runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]
