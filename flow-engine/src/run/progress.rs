//! The counters of a run, kept in step with its row.

use std::sync::{Arc, Mutex};

use chrono::Utc;
use flow_engine_db::{Commit, Progress, RunProgress, Write};
use uuid::Uuid;

use super::Run;
use crate::error::{Error, ErrorKind};
use crate::lock::lock;

/// What a run has come to so far.
///
/// All runs of one root share a lock, which is held until their new counters are queued: rows are written in
/// the order in which the counters changed, and a parent's sum is never behind its sub-flow's.
#[derive(Debug)]
pub(super) struct Tally {
    tree: Arc<Mutex<()>>,
    counters: Mutex<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    total_steps: Option<i32>,
    step_rows: i32,
    finished: i32,
    /// What runs now, oldest first.
    open: Vec<(Uuid, &'static str)>,
    spent: Spent,
    closed: bool,
}

/// What attempts have cost: the sum over all that were paid for, failed ones too.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) tokens: u64,
    pub(super) cost_nano_usd: i64,
    pub(super) unpriced_requests: u32,
}

impl Spent {
    pub(super) fn add(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.cost_nano_usd += other.cost_nano_usd;
        self.unpriced_requests += other.unpriced_requests;
    }

    /// US dollars; `None` if the price of a part is not known.
    pub(super) fn cost_usd(self) -> Option<f64> {
        (self.unpriced_requests == 0).then(|| usd(self.cost_nano_usd))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact below nine million dollars"
)]
fn usd(nano: i64) -> f64 {
    nano as f64 / 1e9
}

fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Tally {
    pub(super) fn root(total_steps: Option<i32>) -> Self {
        Self {
            tree: Arc::default(),
            counters: Mutex::new(Counters {
                total_steps,
                ..Counters::default()
            }),
        }
    }

    pub(super) fn child(&self, total_steps: Option<i32>) -> Self {
        Self {
            tree: Arc::clone(&self.tree),
            ..Self::root(total_steps)
        }
    }
}

impl Counters {
    fn progress(&self, completed: bool) -> Progress {
        let percentage = match self.total_steps {
            _ if completed => 100.0,
            Some(total) if total > 0 => {
                (f64::from(self.finished) / f64::from(total) * 100.0).min(100.0)
            }
            _ => 0.0,
        };
        Progress {
            current_step: self.open.last().map(|(_, name)| (*name).to_owned()),
            step_progress: self.finished,
            progress_percentage: percentage,
            total_tokens: bigint(self.spent.tokens),
            total_cost: usd(self.spent.cost_nano_usd),
            unpriced_requests: i64::from(self.spent.unpriced_requests),
        }
    }
}

impl Run {
    /// Records that a step or a sub-flow has started, together with its own row.
    ///
    /// `row` is given the count of step rows, to take the next number if it is one.
    pub(super) fn opened(
        &self,
        id: Uuid,
        name: &'static str,
        row: impl FnOnce(&mut i32) -> Write,
    ) -> Result<Commit, Error> {
        let _tree = lock(&self.tally.tree);
        self.check_open()?;
        let mut counters = lock(&self.tally.counters);
        counters.open.push((id, name));
        let row = row(&mut counters.step_rows);
        let writes = vec![row, self.update(&counters)];
        Ok(self.services.store.submit(writes))
    }

    /// Queues rows that belong to the run while it lives.
    pub(super) fn submit_while_open(&self, writes: Vec<Write>) -> Result<Commit, Error> {
        let _tree = lock(&self.tally.tree);
        self.check_open()?;
        Ok(self.services.store.submit(writes))
    }

    /// What was spawned and left behind must not start once the run, or one above it, has ended: nothing could be
    /// recorded of it. The caller holds the tree's lock.
    fn check_open(&self) -> Result<(), Error> {
        match self.and_ancestors().find(|run| run.is_finished()) {
            None => Ok(()),
            Some(ended) => Err(Error::new(
                ErrorKind::OutsideRun,
                format!(
                    "the run of `{}` has ended; await what a flow spawns before it returns",
                    ended.definition.name()
                ),
            )),
        }
    }

    /// Records that a step has ended, together with its own row; what it spent goes to this run and all above it.
    pub(super) fn closed(&self, id: Uuid, spent: Spent, row: Write) -> Commit {
        let _tree = lock(&self.tally.tree);
        self.close_below(id, spent, row)
    }

    /// The last word on this run: nothing is written of it after the row made here.
    pub(super) fn finish(
        &self,
        completed: bool,
        row: impl FnOnce(Progress) -> Write,
    ) -> (Commit, Spent) {
        let _tree = lock(&self.tally.tree);
        let (progress, spent) = {
            let mut counters = lock(&self.tally.counters);
            counters.closed = true;
            (counters.progress(completed), counters.spent)
        };
        let row = row(progress);
        let commit = match &self.parent {
            // What this run spent is already in the sums above it.
            Some(parent) => parent.close_below(self.id, Spent::default(), row),
            None => self.services.store.submit(vec![row]),
        };
        (commit, spent)
    }

    /// Whether the run's last row is queued.
    pub(super) fn is_finished(&self) -> bool {
        lock(&self.tally.counters).closed
    }

    /// The caller holds the tree's lock.
    fn close_below(&self, id: Uuid, spent: Spent, row: Write) -> Commit {
        let mut writes = vec![row];
        for run in self.and_ancestors() {
            let mut counters = lock(&run.tally.counters);
            counters.spent.add(spent);
            if run.id == self.id {
                counters.open.retain(|(open, _)| *open != id);
                counters.finished += 1;
            }
            if !counters.closed {
                writes.push(run.update(&counters));
            }
        }
        self.services.store.submit(writes)
    }

    fn update(&self, counters: &Counters) -> Write {
        RunProgress {
            id: self.id,
            progress: counters.progress(false),
            last_heartbeat: Utc::now(),
        }
        .into()
    }
}
