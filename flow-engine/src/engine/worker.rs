//! Runs that nobody waits for: queued by one process, executed by a worker of any.

use std::collections::HashMap;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use flow_engine_db::{BackgroundFilter, Lease};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::Engine;
use super::schedules::keep_schedules;
use crate::definition::registered;
use crate::error::chain;

const DEFAULT_CONCURRENCY: usize = 16;
const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(1);
const SHORTEST_POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long a database that cannot be asked is left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Executes queued runs: [`Engine::worker`] makes it, [`run`](Self::run) sets it to work.
///
/// It takes runs of the flows and steps of its program, whichever process queued them, and the background runs of processes
/// that have died: what these have recorded is not executed again.
///
/// A run that fails is not tried again by itself. One that was taken over fifteen times in a row, without the end of a step in between, is
/// failed: it may be what ends its processes. One whose inputs do not fit this program is left to another version of it.
/// What becomes of runs is in their rows; `tracing` tells failures (warn) and takeovers (info) under the target `flow_engine`.
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

/// What became of the runs of a worker that was told to stop: [`Worker::run_until`] gives it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerSummary {
    /// How many runs came to their end since the worker began, whatever it was.
    pub finished: usize,
    /// How many it still executed when the grace was over: they are interrupted, and the next worker goes on with
    /// them at once, unless an effect of one is in doubt now.
    pub handed_back: usize,
}

impl Worker {
    /// How many runs it executes at a time, at least one; 16 if this is not called.
    pub fn concurrency(mut self, runs: usize) -> Self {
        self.concurrency = runs.max(1);
        self
    }

    /// How often it looks for runs that another process has queued, or left behind; each second if this is not called, and
    /// a hundred times a second at most. What this engine queues is seen at once.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(SHORTEST_POLL_INTERVAL);
        self
    }

    /// Executes runs, and starts flows by their [schedules](crate#schedules), until the future is dropped. Then the runs that it executes are interrupted, and the next worker goes on
    /// with them. A database that cannot be reached is asked again. [`run_until`](Self::run_until) lets runs come to their end first.
    pub async fn run(self) {
        self.run_until(pending::<()>(), Duration::ZERO).await;
    }

    /// Executes runs, and starts flows by their schedules, until `shutdown` is there. Then it takes and starts no more, lets those that it executes go on for as long as `grace`
    /// says, and interrupts the rest: they are given back, so that another worker goes on with them at once. What it gives is on
    /// disk by then.
    ///
    /// A program that stops by Ctrl-C, or by the signal `SIGTERM` of a supervisor (where there is none, `tokio::signal::ctrl_c()` will
    /// do for `shutdown`):
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # async fn example(engine: flow_engine::Engine) -> flow_engine::Result<()> {
    /// use std::time::Duration;
    /// use tokio::signal::unix::{SignalKind, signal};
    ///
    /// let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    /// let shutdown = async {
    ///     tokio::select! {
    ///         _ = interrupt.recv() => {}
    ///         _ = terminate.recv() => {}
    ///     }
    /// };
    /// // Shorter than the supervisor waits before it kills: 30 seconds in Kubernetes.
    /// let summary = engine.worker().run_until(shutdown, Duration::from_secs(25)).await;
    /// println!("{} runs finished, {} handed back", summary.finished, summary.handed_back);
    /// engine.close().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where the database cannot be reached, nothing can be given back: that is waited for as for any write, and what was not
    /// given back is taken over when its [lease](super::EngineBuilder::lease) ends.
    pub async fn run_until(self, shutdown: impl Future, grace: Duration) -> WorkerSummary {
        let mut shutdown = pin!(shutdown);
        let mut schedules = pin!(keep_schedules(&self.engine));
        let queued = &self.engine.services.queued;
        // Dropped after the runs: as long as it is there, nobody waits for them.
        let _works = self.engine.services.background.works();
        let mut running = Running::default();
        // Dropped half-way, the runs that it brings would be nobody's until their leases end.
        let mut taking: Option<BoxFuture<'_, Option<Vec<Lease>>>> = None;
        // Whether there may be something new, and when it asks in any case. While the database is away, not before that.
        let (mut is_news, mut due, mut failures) = (true, Instant::now(), 0);
        loop {
            let free = self.concurrency.saturating_sub(running.tasks.len());
            let asks = due <= Instant::now() || is_news && failures == 0;
            if taking.is_none() && free > 0 && asks {
                is_news = false;
                taking = Some(self.take(free).boxed());
            }
            tokio::select! {
                biased;
                _ = &mut shutdown => break,
                Some(()) = running.next() => is_news = true,
                taken = wait_for(&mut taking) => {
                    taking = None;
                    failures = if taken.is_some() { 0 } else { failures + 1 };
                    due = Instant::now() + pause(self.poll_interval, failures);
                    for lease in taken.into_iter().flatten() {
                        running.start(&self.engine, lease);
                    }
                }
                () = queued.notified() => is_news = true,
                never = &mut schedules => match never {},
                () = sleep_until(due), if taking.is_none() && free > 0 => {}
            }
        }
        self.stop(running, taking, grace).await
    }

    async fn stop(
        &self,
        mut running: Running,
        mut taking: Option<BoxFuture<'_, Option<Vec<Lease>>>>,
        grace: Duration,
    ) -> WorkerSummary {
        let mut back = Vec::new();
        let mut over = pin!(sleep(grace));
        while taking.is_some() || !running.tasks.is_empty() {
            tokio::select! {
                biased;
                Some(()) = running.next() => {}
                taken = wait_for(&mut taking) => {
                    taking = None;
                    back.extend(taken.into_iter().flatten());
                }
                () = &mut over => break,
            }
        }
        let interrupted = running.interrupt().await;
        if let Some(taking) = taking {
            // It has its answer soon: a database that is away is not waited for for ever.
            back.extend(taking.await.into_iter().flatten());
        }
        let summary = WorkerSummary {
            finished: running.finished,
            handed_back: interrupted.len(),
        };
        // Those that had begun have given back theirs by now, with their last row.
        back.extend(interrupted);
        self.engine.release(back).await;
        summary
    }

    /// Takes runs; `None` if the database cannot be asked.
    async fn take(&self, free: usize) -> Option<Vec<Lease>> {
        let services = &self.engine.services;
        let names = registered();
        let wanted = BackgroundFilter {
            flow_names: names.iter().map(|flow| flow.name().to_owned()).collect(),
            concurrency: names
                .iter()
                .filter_map(|flow| Some((flow.name().to_owned(), flow.concurrency()?)))
                .collect(),
            except: [services.leases.held(), services.background.unfit()].concat(),
            limit: u32::try_from(free).unwrap_or(u32::MAX),
        };
        let term = services.leases.term();
        match services.store.acquire_background(wanted, term).await {
            Ok(leases) => Some(leases),
            Err(error) => {
                tracing::warn!(error = chain(&error), "a worker could not ask for runs");
                None
            }
        }
    }
}

/// How long a worker waits before it asks again, after so many failures in a row.
fn pause(poll_interval: Duration, failures: u32) -> Duration {
    let factor = 2_u32.checked_pow(failures).unwrap_or(u32::MAX);
    let longest = LONGEST_PAUSE.max(poll_interval);
    poll_interval.saturating_mul(factor).min(longest)
}

/// Never ends if there is nothing to wait for.
async fn wait_for<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// The runs that a worker executes.
#[derive(Default)]
struct Running {
    /// Each says whether its run has come to an end.
    tasks: JoinSet<bool>,
    leases: HashMap<task::Id, Lease>,
    finished: usize,
}

impl Running {
    fn start(&mut self, engine: &Engine, lease: Lease) {
        let task = self.tasks.spawn(engine.clone().execute_queued(lease, None));
        self.leases.insert(task.id(), lease);
    }

    /// Waits for the end of one; `None` if there is none.
    async fn next(&mut self) -> Option<()> {
        let (id, finished) = match self.tasks.join_next_with_id().await? {
            Ok((id, finished)) => (id, finished),
            Err(broken_off) => (broken_off.id(), false),
        };
        self.leases.remove(&id);
        self.finished += usize::from(finished);
        Some(())
    }

    /// Ends all where they stand, and gives the leases of those that had not come to an end.
    async fn interrupt(&mut self) -> Vec<Lease> {
        self.tasks.abort_all();
        let mut interrupted = Vec::new();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            match ended {
                Ok((_, finished)) => self.finished += usize::from(finished),
                Err(broken_off) => interrupted.extend(self.leases.remove(&broken_off.id())),
            }
        }
        interrupted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_asked_less_and_less_often() {
        let pause = |millis, failures| pause(Duration::from_millis(millis), failures).as_millis();
        assert_eq!(
            [0, 1, 2, 3].map(|failures| pause(200, failures)),
            [200, 400, 800, 1600]
        );
        assert_eq!(
            [9, 40, u32::MAX].map(|failures| pause(10, failures)),
            [5000; 3]
        );
        assert_eq!(
            [0, 1, 9].map(|failures| pause(60_000, failures)),
            [60_000; 3]
        );
    }
}
