//! What is special to SQLite of what both databases share.

mod plans;
mod waiting;
