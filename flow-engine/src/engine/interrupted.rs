//! The runs that nobody executes any more and somebody waited for: which they are, and all of them resumed.

use std::collections::BTreeMap;

use flow_engine_db::{ExecutionMode, FlowRun, RunFilter, RunStatus};
use futures::future::try_join_all;
use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::time::sleep;
use uuid::Uuid;

use super::Engine;
use super::recovery::PAUSE;
use crate::error::{Error, ErrorKind};
use crate::run::{Claim, FlowResult};

/// How many runs are resumed at a time.
const AT_A_TIME: usize = 32;
/// How many runs are listed at a time.
const PAGE: u32 = 500;

/// A run that [`Engine::resume_interrupted`] found, and what became of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResumedRun {
    /// The run.
    pub run_id: Uuid,
    /// Its flow, or its step if it is a step used alone.
    pub flow_name: String,
    /// What it gave, or why it failed or could not be resumed.
    pub result: Result<FlowResult<Value>, Error>,
}

impl Engine {
    /// Resumes every run that was interrupted or killed with its process, the oldest first, and waits for their ends. For
    /// the start of a program.
    ///
    /// The runs of another process that is alive are left to it. One that was killed a moment ago looks alive for a while
    /// ([`EngineBuilder::lease`](super::EngineBuilder::lease)): that is waited for. Failed runs are left alone, and queued ones to
    /// [workers](super::Worker). 32 runs are executed at a time.
    ///
    /// Several processes may call it at once: each run is resumed by one of them, and is in the list of that one.
    ///
    /// # Errors
    /// When the database cannot be read. What became of each run is in the list.
    pub async fn resume_interrupted(&self) -> Result<Vec<ResumedRun>, Error> {
        let found = self.interrupted().await?;
        let resumed = stream::iter(found).map(|run| async move {
            let result = self.resume(run.id).await;
            if let Err(error) = &result
                && error.kind() == ErrorKind::NotResumable
                && self.is_with_another(&run).await?
            {
                return Ok(None);
            }
            Ok(Some(ResumedRun {
                run_id: run.id,
                flow_name: run.flow_name,
                result,
            }))
        });
        let all: Vec<Result<Option<ResumedRun>, Error>> =
            resumed.buffer_unordered(AT_A_TIME).collect().await;
        let all: Result<Vec<_>, Error> = all.into_iter().collect();
        let mut all: Vec<ResumedRun> = all?.into_iter().flatten().collect();
        all.sort_by_key(|resumed| resumed.run_id);
        Ok(all)
    }

    /// Whether somebody else was faster with a run that was found to be resumed: has taken, ended or deleted it, or executes it
    /// in this process.
    async fn is_with_another(&self, found: &FlowRun) -> Result<bool, Error> {
        let now = self.find_run(found.id).await?;
        let is_as_found = now.is_some_and(|now| now.lease_epoch == found.lease_epoch);
        Ok(!is_as_found || Claim::is_taken(found.id))
    }

    /// The runs that [`resume_interrupted`](Self::resume_interrupted) would resume, the oldest first: to resume some of them
    /// only, or to see their [plans](Self::resume_plan) first. As it, this waits for processes that were killed a moment ago.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn interrupted(&self) -> Result<Vec<FlowRun>, Error> {
        let mut found = Vec::new();
        for status in [RunStatus::Interrupted, RunStatus::Running] {
            found.extend(self.all_roots(status).await?);
        }
        found.retain(|run| run.execution_mode == ExecutionMode::Sync && !Claim::is_taken(run.id));
        // By the clock that gave the leases: that of this machine may be another.
        let now = self.store().await.now().await?;
        let is_held = |run: &FlowRun| run.lease_until.is_some_and(|until| until > now);
        let (held, mut free): (Vec<_>, Vec<_>) = found.into_iter().partition(is_held);
        free.extend(self.of_the_dead(held).await?);
        free.sort_by_key(|run| run.id);
        Ok(free)
    }

    /// Of runs that are held those whose process is not alive. Each process is waited for once.
    async fn of_the_dead(&self, held: Vec<FlowRun>) -> Result<Vec<FlowRun>, Error> {
        let mut of_owners: BTreeMap<_, Vec<FlowRun>> = BTreeMap::new();
        for run in held {
            let runs = of_owners.entry(run.lease_owner.clone()).or_default();
            runs.push(run);
        }
        let dead = of_owners.into_values().map(|mut runs| async move {
            while let Some(one) = runs.first() {
                match self.is_over(one).await? {
                    Some(true) => break,
                    Some(false) => runs.clear(),
                    None => drop(runs.remove(0)),
                }
            }
            Ok::<_, Error>(runs)
        });
        let dead: Vec<_> = try_join_all(dead).await?;
        Ok(dead.into_iter().flatten().collect())
    }

    /// Waits for the end of a run's lease. False if its process shows meanwhile that it is alive, by renewing it; `None` if the
    /// run is no longer with it, which tells nothing of its others: it has ended, or somebody else has taken or deleted it.
    async fn is_over(&self, run: &FlowRun) -> Result<Option<bool>, Error> {
        let Some(until) = run.lease_until else {
            return Ok(Some(true));
        };
        while until > self.store().await.now().await? {
            sleep(PAUSE).await;
            let now = self.find_run(run.id).await?;
            let held = now.filter(|now| now.lease_owner == run.lease_owner);
            match held {
                None => return Ok(None),
                Some(now) if now.lease_until != run.lease_until => return Ok(Some(false)),
                Some(_) => {}
            }
        }
        Ok(Some(true))
    }

    async fn all_roots(&self, status: RunStatus) -> Result<Vec<FlowRun>, Error> {
        let mut all = Vec::new();
        let mut filter = RunFilter {
            status: Some(status),
            roots_only: true,
            limit: PAGE,
            ..RunFilter::default()
        };
        loop {
            let page = self.runs(filter.clone()).await?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            filter.before = Some(last.id);
            all.extend(page);
        }
    }
}
