//! SQLite: one writer thread with a connection of its own, a small pool of connections that read.
//!
//! One file holds at most one writing transaction at a time, so several writing connections would
//! only wait for each other; one thread that commits whatever is queued as one transaction is many
//! times faster than a transaction a write.

mod apply;
mod connection;
mod fault;
mod group;
mod lease;
mod migration;
mod plan;
mod read;
mod session;
mod store;
mod writer;

pub(crate) use store::open;
