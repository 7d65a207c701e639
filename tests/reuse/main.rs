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
mod fork_schema;
mod fork_variations;
mod forks;
mod forks_of_forks;
mod plans;
mod plans_of_odd_flows;
mod support;
mod why;
mod world;
