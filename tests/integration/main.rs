//! The engine through its public interface, on a real database and a mocked model. One file a feature.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod budgets;
mod calls;
mod concurrency;
mod constraints;
mod conversations;
mod endings;
mod errors;
mod fields;
mod history;
mod images;
mod json_modes;
mod kinds;
mod nesting;
mod news;
mod options;
mod outputs;
mod policy;
mod policy_review;
mod prices;
mod records;
mod repairs;
mod retention;
mod secrets;
mod streams;
mod support;
