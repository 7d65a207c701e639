//! Code and prompts change between a crash and the resume: what hits, what runs again, and the reason given.
//!
//! `before.rs` and `before/` are the program that crashes, `after/` is the one that resumes; `diff -r before after` shows
//! the edits. Each test is one edit, and what it comes to: see [`case`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod after;
mod case;
mod edited;
mod model;
mod of_calls;
mod of_failures;
mod of_inputs;
mod of_names;
mod of_outputs;
mod of_prompts;
mod of_tasks;
mod steps;
