//! What a user of the macros may write, and what rustc says of a mistake.
//!
//! What passes are modules of this program, so that clippy reads them with all lints of the workspace. What fails is
//! one mistake a file, compiled by trybuild; `TRYBUILD=overwrite` writes the messages anew. `docs/mistakes.md` lists them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod mistakes;
mod pass;

#[test]
fn every_mistake_is_reported_where_it_is_and_with_what_is_right() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}
