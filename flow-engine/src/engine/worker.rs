//! Runs that nobody waits for: queued by one process, executed by a worker of any.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use flow_engine_db::{BackgroundFilter, Lease, Progress, RunFinish, RunStatus};
use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Engine;
use super::recovery::recorded_call;
use crate::definition::registered;
use crate::error::{Error, ErrorKind};
use crate::run::{Claim, as_untyped_run, check_inputs, panicked};

const DEFAULT_CONCURRENCY: usize = 16;
const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Executes queued runs: [`Engine::worker`] makes it, [`run`](Self::run) sets it to work.
///
/// It takes runs of the flows and steps of its program, whichever process queued them, and the background runs of processes
/// that have died: what these have recorded is not executed again.
#[derive(Debug)]
#[must_use = "a worker does nothing until it is run"]
pub struct Worker {
    engine: Engine,
    concurrency: usize,
    poll_interval: Duration,
}

impl Engine {
    /// A worker for runs that were [queued](crate::RunRequest::enqueue).
    pub fn worker(&self) -> Worker {
        Worker {
            engine: self.clone(),
            concurrency: DEFAULT_CONCURRENCY,
            poll_interval: DEFAULT_POLL_INTERVAL,
        }
    }
}

impl Worker {
    /// How many runs it executes at a time; 16 if this is not called.
    pub fn concurrency(mut self, runs: usize) -> Self {
        self.concurrency = runs.max(1);
        self
    }

    /// How often it looks for runs that another process has queued, or left behind; each second if this is not called. What
    /// this engine queues is seen at once.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Executes runs until the future is dropped. Then the runs that it executes are interrupted, and the next worker goes on
    /// with them. A database that cannot be reached is asked again.
    pub async fn run(self) {
        let mut running = JoinSet::new();
        let queued = &self.engine.services.queued;
        loop {
            let free = self.concurrency - running.len();
            let taken = self.take(free).await;
            for lease in taken {
                running.spawn(self.engine.clone().execute_queued(lease));
            }
            if running.len() < self.concurrency {
                tokio::select! {
                    _ = running.join_next(), if !running.is_empty() => {}
                    () = queued.notified() => {}
                    () = sleep(self.poll_interval) => {}
                }
            } else {
                running.join_next().await;
            }
            while running.try_join_next().is_some() {}
        }
    }

    async fn take(&self, free: usize) -> Vec<Lease> {
        let names = registered();
        let services = &self.engine.services;
        let wanted = BackgroundFilter {
            flow_names: names.iter().map(|flow| flow.name().to_owned()).collect(),
            except: services.leases.held(),
            limit: u32::try_from(free).unwrap_or(u32::MAX),
        };
        let term = services.leases.term();
        match services.store.acquire_background(wanted, term).await {
            Ok(leases) => leases,
            Err(error) => {
                tracing::warn!(%error, "a worker could not ask for runs");
                Vec::new()
            }
        }
    }
}

impl Engine {
    /// Executes a run whose lease was taken. How it ends is in its row.
    async fn execute_queued(self, lease: Lease) {
        let run_id = lease.root_run_id;
        let begun = AssertUnwindSafe(self.begin_queued(lease)).catch_unwind();
        let begun = begun.await;
        match begun.unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(run = %run_id, %error, "a background run failed"),
            Err(error) => self.give_up(lease, &error).await,
        }
    }

    /// The outer error is that it could not begin.
    async fn begin_queued(&self, lease: Lease) -> Result<Result<(), Error>, Error> {
        let run_id = lease.root_run_id;
        let claim = Claim::of(run_id)?;
        let call = recorded_call(&self.unfinished(run_id).await?)?;
        check_inputs(&*call, run_id)?;
        let run = self.held(lease, claim, None).await?;
        Ok(as_untyped_run(run, call).await.map(drop))
    }

    /// A run that can never begin is failed, so that no worker tries it again and again. Any other one is left to the next, when
    /// its lease is over: given back, it would be taken again at once, and again.
    async fn give_up(&self, lease: Lease, error: &Error) {
        let run_id = lease.root_run_id;
        tracing::warn!(run = %run_id, %error, "a background run could not be executed");
        if !matches!(
            error.kind(),
            ErrorKind::InvalidInput | ErrorKind::Configuration | ErrorKind::Panicked
        ) {
            return;
        }
        let end = RunFinish {
            error_message: Some(format!("{error:#}")),
            ..RunFinish::new(run_id, RunStatus::Failed, Progress::default())
        };
        if let Err(error) = self.services.store.submit(lease, vec![end.into()]).await {
            tracing::error!(run = %run_id, %error, "the failure of a run could not be recorded");
        }
    }
}
