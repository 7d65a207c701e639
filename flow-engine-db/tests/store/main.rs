//! What a `Store` promises, checked through its public interface: the same scenarios for every
//! backend, and what is special to one of them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[macro_use]
mod conformance;
mod million;
#[cfg(feature = "postgres")]
mod postgres;
mod process;
#[cfg(all(feature = "sqlite", feature = "postgres"))]
mod schemas;
#[cfg(feature = "sqlite")]
mod sqlite;
