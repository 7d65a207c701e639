//! Which runs are listed, and which are pruned.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::RunStatus;

/// Which runs a list has (`Engine::runs` of flow-engine, [`Store::runs`](crate::Store::runs) of a database): those that match every field that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Runs for this user.
    pub user_id: Option<Uuid>,
    /// Runs that stand here.
    pub status: Option<RunStatus>,
    /// Runs of this flow.
    pub flow_name: Option<String>,
    /// Sub-runs that this run called.
    pub parent_run_id: Option<Uuid>,
    /// Only runs that no other run called.
    pub roots_only: bool,
    /// Only runs older than this one: the id of the last run of the page before. It stays fast
    /// however deep the page is.
    pub before: Option<Uuid>,
    /// How many runs at most.
    pub limit: u32,
    /// How many runs of the list to leave out first.
    pub offset: u32,
}

/// Which runs [`Store::prune`](crate::Store::prune) deletes: root runs that ended with one of the statuses, before a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneFilter {
    /// Runs whose [`completed_at`](crate::FlowRun::completed_at) is before this.
    pub ended_before: DateTime<Utc>,
    /// Runs that stand at one of these; of none, if there is none. All of them are ends.
    pub statuses: Vec<RunStatus>,
    /// How many root runs at most. Each is deleted with all that is below it.
    pub limit: u32,
}

impl PruneFilter {
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn open_status(&self) -> Option<RunStatus> {
        let mut statuses = self.statuses.iter().copied();
        statuses.find(|status| status.is_open())
    }
}

impl Default for RunFilter {
    /// The newest 50 runs.
    fn default() -> Self {
        Self {
            user_id: None,
            status: None,
            flow_name: None,
            parent_run_id: None,
            roots_only: false,
            before: None,
            limit: 50,
            offset: 0,
        }
    }
}
