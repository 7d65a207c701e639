//! A bad network and a bad model: the engine against servers that others wrote, and what it makes of each fault.
//!
//! `scripts/mock-servers` installs them; each test starts its own. `docs/faults.md` is the table of these tests. A new
//! case is a test in the module of its theme and a row there; a new thing that a server can do is a fn in its module.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod aimock;
mod answers;
mod documented;
mod images;
mod keys;
mod lab;
mod limits;
mod llmock;
mod native;
mod native_streams;
mod outages;
mod process;
mod searches;
mod streams;
mod times;
mod wire;
