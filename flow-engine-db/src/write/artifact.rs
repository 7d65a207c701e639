//! The write that says which artifacts a run needs.

use uuid::Uuid;

/// A root run, or a run below it, has a row that names an artifact: what is too large for a row, and kept elsewhere.
///
/// It belongs into the unit of that row, behind it, and does not make a unit depend on a lease. A name that is there already
/// is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedArtifact {
    /// The root run.
    pub root_run_id: Uuid,
    /// The artifact's name, as the caller knows it.
    pub artifact: String,
}
