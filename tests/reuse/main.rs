//! Recorded results used again: plans, explanations, forks, results shared between runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod cache;
mod cache_lifetime;
mod compare;
mod fork_resume;
mod fork_variations;
mod forks;
mod plans;
mod support;
mod why;
