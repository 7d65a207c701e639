//! The engine through its public interface, on a real database and a mocked model. One file a feature.

mod calls;
mod concurrency;
mod endings;
mod history;
mod nesting;
mod records;
mod support;
