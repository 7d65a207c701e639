//! The store of a dry run.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use flow_engine_db::{
    BackgroundFilter, BoxFuture, Commit, FlowRun, FlowStepRun, JournalStep, Lease, LeaseTerm,
    LlmRequest, PruneFilter, RunFilter, RunFork, Store, StoreError, Write,
};
use uuid::Uuid;

/// A store that takes every write and keeps none.
#[derive(Debug)]
pub(super) struct ReadOnly(pub(super) Arc<dyn Store>);

impl Store for ReadOnly {
    fn submit(&self, _lease: Lease, _writes: Vec<Write>) -> Commit {
        Commit::ready(Ok(()))
    }

    fn barrier(&self) -> Commit {
        Commit::ready(Ok(()))
    }

    /// A dry run takes nothing away from who executes the run.
    fn acquire(
        &self,
        _run_id: Uuid,
        _term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Option<Lease>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn acquire_background(
        &self,
        _wanted: BackgroundFilter,
        _term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn renew(
        &self,
        _leases: Vec<Lease>,
        _term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn run(&self, id: Uuid) -> BoxFuture<'_, Result<Option<FlowRun>, StoreError>> {
        self.0.run(id)
    }

    fn runs(&self, filter: RunFilter) -> BoxFuture<'_, Result<Vec<FlowRun>, StoreError>> {
        self.0.runs(filter)
    }

    fn steps(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<FlowStepRun>, StoreError>> {
        self.0.steps(run_id)
    }

    fn requests(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<LlmRequest>, StoreError>> {
        self.0.requests(run_id)
    }

    fn request(&self, id: Uuid) -> BoxFuture<'_, Result<Option<LlmRequest>, StoreError>> {
        self.0.request(id)
    }

    fn journal(
        &self,
        root_run_id: Uuid,
    ) -> BoxFuture<'_, Result<flow_engine_db::Journal, StoreError>> {
        self.0.journal(root_run_id)
    }

    fn cached_step(
        &self,
        cache_key: &str,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<JournalStep>, StoreError>> {
        self.0.cached_step(cache_key, since)
    }

    fn fork(&self, run_id: Uuid) -> BoxFuture<'_, Result<Option<RunFork>, StoreError>> {
        self.0.fork(run_id)
    }

    fn delete_run(&self, _id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async { Ok(false) })
    }

    fn prune(&self, _filter: PruneFilter) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async { Ok(0) })
    }

    fn free_artifacts(
        &self,
        _after: &str,
        _limit: u32,
    ) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn forget_artifacts(&self, _artifacts: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn location(&self) -> &str {
        self.0.location()
    }
}
