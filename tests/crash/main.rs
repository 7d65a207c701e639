//! A program that is killed at any moment goes on where it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod disk;
mod enumeration;
mod reference;
mod server;
mod story;
