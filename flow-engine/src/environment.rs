//! The process's environment variables.

/// A variable's value; one that is set to nothing counts as not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}
