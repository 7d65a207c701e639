//! The engine through its public interface, on a real database and a mocked model. One file a feature.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod calls;
mod concurrency;
mod constraints;
mod conversations;
mod endings;
mod errors;
mod fields;
mod handover;
mod history;
mod idempotency;
mod images;
mod json_modes;
mod kinds;
mod limits;
mod nesting;
mod news;
mod once;
mod options;
mod outputs;
mod policy;
mod policy_review;
mod prices;
mod queue;
mod records;
mod repairs;
mod retention;
mod secrets;
mod shutdown;
mod streams;
mod support;
