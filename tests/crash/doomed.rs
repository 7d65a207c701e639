//! A store that kills its process at one of its writes.

use std::str::FromStr;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use flow_engine_db::{
    BackgroundFilter, BoxFuture, Commit, FlowRun, FlowStepRun, Journal, JournalStep, Lease,
    LeaseTerm, LlmRequest, PruneFilter, RunFilter, RunFork, Store, StoreError, Write,
};
use futures::executor::block_on;
use rustix::process::{Signal, getpid, kill_process};
use uuid::Uuid;

/// When the process is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doom {
    pub(crate) moment: Moment,
    /// At which write, from 1.
    pub(crate) write: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    /// All earlier writes are on disk, and this one never will be.
    Before,
    /// It is queued: it and what was queued before it may be on disk or not.
    During,
    /// It is on disk too, and nobody has heard of it.
    After,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "before" => Self::Before,
            "during" => Self::During,
            "after" => Self::After,
            other => return Err(format!("`{other}` is no moment")),
        })
    }
}

#[derive(Debug)]
pub(crate) struct Doomed {
    real: Arc<dyn Store>,
    doom: Option<Doom>,
    /// Held while a unit is queued: nothing overtakes the end.
    writes: Mutex<u64>,
}

impl Doomed {
    pub(crate) fn new(real: Arc<dyn Store>, doom: Option<Doom>) -> Self {
        Self {
            real,
            doom,
            writes: Mutex::default(),
        }
    }

    pub(crate) fn writes(&self) -> u64 {
        *self.writes.lock().unwrap()
    }
}

/// The writer is a thread of its own, so it may be waited for on this one.
fn on_disk(commit: Commit) {
    block_on(commit).expect("the last write is sound");
}

fn die() -> ! {
    kill_process(getpid(), Signal::KILL).unwrap();
    loop {
        std::thread::park();
    }
}

impl Store for Doomed {
    fn submit(&self, lease: Lease, writes: Vec<Write>) -> Commit {
        let mut count = self.writes.lock().unwrap();
        *count += 1;
        let Some(doom) = self.doom.filter(|doom| doom.write == *count) else {
            return self.real.submit(lease, writes);
        };
        match doom.moment {
            Moment::Before => on_disk(self.real.barrier()),
            Moment::During => drop(self.real.submit(lease, writes)),
            Moment::After => on_disk(self.real.submit(lease, writes)),
        }
        die()
    }

    fn barrier(&self) -> Commit {
        self.real.barrier()
    }

    fn acquire(
        &self,
        run_id: Uuid,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Option<Lease>, StoreError>> {
        self.real.acquire(run_id, term)
    }

    fn acquire_background(
        &self,
        wanted: BackgroundFilter,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>> {
        self.real.acquire_background(wanted, term)
    }

    fn renew(
        &self,
        leases: Vec<Lease>,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>> {
        self.real.renew(leases, term)
    }

    fn run(&self, id: Uuid) -> BoxFuture<'_, Result<Option<FlowRun>, StoreError>> {
        self.real.run(id)
    }

    fn runs(&self, filter: RunFilter) -> BoxFuture<'_, Result<Vec<FlowRun>, StoreError>> {
        self.real.runs(filter)
    }

    fn steps(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<FlowStepRun>, StoreError>> {
        self.real.steps(run_id)
    }

    fn requests(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<LlmRequest>, StoreError>> {
        self.real.requests(run_id)
    }

    fn request(&self, id: Uuid) -> BoxFuture<'_, Result<Option<LlmRequest>, StoreError>> {
        self.real.request(id)
    }

    fn journal(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Journal, StoreError>> {
        self.real.journal(root_run_id)
    }

    fn cached_step(
        &self,
        cache_key: &str,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<JournalStep>, StoreError>> {
        self.real.cached_step(cache_key, since)
    }

    fn fork(&self, run_id: Uuid) -> BoxFuture<'_, Result<Option<RunFork>, StoreError>> {
        self.real.fork(run_id)
    }

    fn delete_run(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.real.delete_run(id)
    }

    fn prune(&self, filter: PruneFilter) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.real.prune(filter)
    }

    fn free_artifacts(
        &self,
        after: &str,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.real.free_artifacts(after, limit)
    }

    fn forget_artifacts(&self, artifacts: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.real.forget_artifacts(artifacts)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.real.close()
    }

    fn location(&self) -> &str {
        self.real.location()
    }
}
