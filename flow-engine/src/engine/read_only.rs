//! The store of a dry run.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use flow_engine_db::{
    BackgroundFilter, BoxFuture, Commit, FoundRun, Lease, LeaseTerm, NewSignal, PruneFilter,
    RunStatus, ScheduleAdvance, Store, StoreError, Write, forward_store,
};
use uuid::Uuid;

/// A store that takes every write and keeps none.
#[derive(Debug)]
pub(super) struct ReadOnly(pub(super) Arc<dyn Store>);

impl Store for ReadOnly {
    forward_store!(self.0: newest_leases, standings, outline, signals, signalled, now, run, runs, steps, requests, request, journal, cached_step, fork, schedules, location);

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

    fn cancel(
        &self,
        _root_run_id: Uuid,
        _message: String,
    ) -> BoxFuture<'_, Result<Option<RunStatus>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn retry(&self, _root_run_id: Uuid) -> BoxFuture<'_, Result<Option<FoundRun>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn pause(
        &self,
        _root_run_id: Uuid,
        _message: String,
    ) -> BoxFuture<'_, Result<Option<FoundRun>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn signal(&self, _signal: NewSignal) -> BoxFuture<'_, Result<Option<RunStatus>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn begin_schedule(
        &self,
        _flow_name: &str,
        _at: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn advance_schedule(
        &self,
        _advance: ScheduleAdvance,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async { Ok(false) })
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
}
