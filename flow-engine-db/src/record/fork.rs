//! [`RunFork`].

use uuid::Uuid;

/// Where a run was forked from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RunFork {
    /// The run.
    pub run_id: Uuid,
    /// The run whose journal it took. It may have been deleted.
    pub forked_from: Uuid,
    /// The step from which on it was executed again, if one was named.
    pub from_step: Option<String>,
    /// The model that it asked in place of the recorded ones, if one was named.
    pub model: Option<String>,
    /// The model that the run asks because the fork that it was forked from did.
    pub inherited_model: Option<String>,
}
