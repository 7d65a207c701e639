//! A program that is killed at any moment goes on where it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod database;
mod disk;
mod enumeration;
mod files;
#[path = "../databases/postgres.rs"]
mod postgres;
mod reference;
mod server;
mod story;
