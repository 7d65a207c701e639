//! The write that says where a run was forked from.

use uuid::Uuid;

/// A run that begins with the journal of another one: a new row of `flow_forks`. Its run must have
/// been written before.
///
/// A fork that is there already is left as it is. The run that it was forked from may be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFork {
    /// The new run.
    pub run_id: Uuid,
    /// The run whose journal it takes.
    pub forked_from: Uuid,
    /// The step from which on it is executed again, if one was named.
    pub from_step: Option<String>,
    /// The model that it asks in place of the recorded ones, if one was named.
    pub model: Option<String>,
    /// The model that it asks because the fork that it is forked from did.
    pub inherited_model: Option<String>,
}
