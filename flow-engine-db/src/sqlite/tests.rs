//! What is special to SQLite of what both databases share.

mod full;
mod plans;
mod waiting;
