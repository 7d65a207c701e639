//! What is kept no longer: old runs, and artifacts that nothing names any more.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine_db::{PruneFilter, RunStatus};
use tokio::task::yield_now;

use super::Engine;
use crate::error::Error;

/// How many root runs are deleted in one transaction: other writes come between them.
const RUNS: u32 = 50;
/// How many artifacts are asked for at a time.
const ARTIFACTS: u32 = 100;
/// What was written within this time is not deleted, although nothing names it: a row that does may be on its way.
const UNTOUCHED: Duration = Duration::from_hours(1);

/// What [`Engine::prune`] has deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// Root runs, each with its steps, requests and sub-flows.
    pub runs: u64,
    /// Artifacts that only deleted runs had named.
    pub artifacts: u64,
}

impl Engine {
    /// Deletes the runs that ended with one of these statuses (`completed`, `failed`, `cancelled`, or `interrupted`, which could still be
    /// resumed) longer ago than `older_than`, each with its steps, requests and
    /// sub-flows, in small transactions between which other writes have their turn; then the artifacts that only deleted runs
    /// had named, those of [`delete_run`](Self::delete_run) among them.
    ///
    /// ```
    /// # async fn example(engine: flow_engine::Engine) -> Result<(), flow_engine::Error> {
    /// use std::time::Duration;
    ///
    /// use flow_engine::RunStatus;
    ///
    /// let month = Duration::from_secs(30 * 24 * 60 * 60);
    /// let pruned = engine.prune(month, [RunStatus::Completed, RunStatus::Cancelled]).await?;
    /// println!("{} runs and {} artifacts are gone", pruned.runs, pruned.artifacts);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What a deleted run gave to others stays with them: forks and shared results have rows of their own. Its own results are
    /// shared no more, and it can neither be resumed nor forked.
    ///
    /// An artifact is kept as long as a row of any run in this database names it, in whatever inputs, output or answer. It is
    /// kept, too, while it was written less than `older_than` ago, at most an hour; the next call looks at it again. Artifacts
    /// that no run of this database has ever named are not looked at: several databases must not share a place for artifacts,
    /// if one of them is pruned.
    ///
    /// # Errors
    /// When a status is one of runs that have not ended, or the database or the artifact store fails; what was deleted until then
    /// is gone, and the next call goes on.
    pub async fn prune(
        &self,
        older_than: Duration,
        statuses: impl IntoIterator<Item = RunStatus>,
    ) -> Result<Pruned, Error> {
        let filter = PruneFilter {
            ended_before: ago(older_than),
            statuses: statuses.into_iter().collect(),
            limit: RUNS,
        };
        let store = &self.services.store;
        let mut pruned = Pruned::default();
        loop {
            let runs = store.prune(filter.clone()).await?;
            if runs == 0 {
                break;
            }
            pruned.runs += runs as u64;
            yield_now().await;
        }
        pruned.artifacts = self
            .delete_free_artifacts(older_than.min(UNTOUCHED))
            .await?;
        Ok(pruned)
    }

    async fn delete_free_artifacts(&self, untouched: Duration) -> Result<u64, Error> {
        let (store, artifacts) = (&self.services.store, &self.services.artifacts);
        let mut deleted = 0;
        let mut after = String::new();
        loop {
            let free = store.free_artifacts(&after, ARTIFACTS).await?;
            let Some(last) = free.last() else {
                return Ok(deleted);
            };
            after.clone_from(last);
            let mut gone = Vec::with_capacity(free.len());
            for artifact in free {
                if artifacts.delete(&artifact, untouched).await? {
                    gone.push(artifact);
                }
            }
            deleted += gone.len() as u64;
            // Not before: what is forgotten is not found again.
            store.forget_artifacts(gone).await?;
        }
    }
}

fn ago(duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|duration| Utc::now().checked_sub_signed(duration))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}
