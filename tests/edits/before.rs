//! The program of the edit tests before the edits.
fn main() {}
