//! Code and prompts change between a crash and the resume: what hits, what runs again, and the reason given.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]
