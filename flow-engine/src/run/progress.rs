//! The counters of a run, kept in step with its row.

use std::sync::Mutex;

use chrono::Utc;
use flow_engine_db::{Commit, Progress, RunProgress, RunReopen, StepFinish, StepStatus, Write};
use uuid::Uuid;

use super::Run;
use super::announce::Ended;
use super::artifact::naming;
use super::returns::Turn;
use crate::error::{Error, ErrorKind};
use crate::lock::lock;

/// What a run has come to so far.
///
/// All runs of one root share a lock, which is held until their new counters are queued: rows are written in
/// the order in which the counters changed, and a parent's sum is never behind its sub-flow's.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
    total_steps: Option<i32>,
    step_rows: i32,
    finished: i32,
    /// How many had finished in an earlier execution: a replay does not fall behind that.
    finished_before: i32,
    /// What runs now, oldest first.
    open: Vec<(Uuid, &'static str)>,
    /// What was paid for, in earlier executions too.
    spent: Spent,
    /// What this execution has met, live or recorded: a flow sees the same on a replay.
    met: Spent,
    /// The row is as an earlier execution left it; it is opened again before something new is written below it.
    dormant: bool,
    closed: bool,
}

/// Where a run's counters begin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beginning {
    pub(super) step_rows: i32,
    pub(super) finished: i32,
    pub(super) spent: Spent,
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
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(other.cost_nano_usd);
        self.unpriced_requests = self
            .unpriced_requests
            .saturating_add(other.unpriced_requests);
    }

    /// Where the other is more, it is that.
    pub(super) fn raise(&mut self, other: Self) {
        self.tokens = self.tokens.max(other.tokens);
        self.cost_nano_usd = self.cost_nano_usd.max(other.cost_nano_usd);
        self.unpriced_requests = self.unpriced_requests.max(other.unpriced_requests);
    }

    /// The sums of a run's row.
    pub(super) fn progress(self) -> Progress {
        Progress {
            total_tokens: bigint(self.tokens),
            total_cost: usd(self.cost_nano_usd),
            unpriced_requests: i64::from(self.unpriced_requests),
            ..Progress::default()
        }
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
pub(super) fn usd(nano: i64) -> f64 {
    nano as f64 / 1e9
}

/// The inverse of [`usd`].
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cost is far below nine billion dollars, and `as` saturates"
)]
pub(crate) fn nano_usd(usd: f64) -> i64 {
    (usd * 1e9).round() as i64
}

fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Tally {
    pub(super) fn new(total_steps: Option<i32>, beginning: Beginning, dormant: bool) -> Self {
        Self(Mutex::new(Counters {
            total_steps,
            step_rows: beginning.step_rows,
            finished_before: beginning.finished,
            spent: beginning.spent,
            dormant,
            ..Counters::default()
        }))
    }
}

impl Counters {
    fn progress(&self, completed: bool) -> Progress {
        let finished = if completed {
            self.finished
        } else {
            self.finished.max(self.finished_before)
        };
        let percentage = match self.total_steps {
            _ if completed => 100.0,
            Some(total) if total > 0 => (f64::from(finished) / f64::from(total) * 100.0).min(100.0),
            _ => 0.0,
        };
        Progress {
            // What a run leaves open when it ends is not executed any more.
            current_step: self
                .open
                .last()
                .filter(|_| !self.closed)
                .map(|(_, name)| (*name).to_owned()),
            step_progress: finished,
            progress_percentage: percentage,
            ..self.spent.progress()
        }
    }
}

/// How a step counts in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// As one of the flow's steps.
    Step,
    /// Not at all: what the engine records for itself, such as a time.
    Aside,
}

impl Run {
    /// The step that is executed, of several the one that started last.
    pub(super) fn current_step(&self) -> Option<String> {
        let open = &lock(&self.tally.0).open;
        open.last().map(|(_, name)| (*name).to_owned())
    }

    /// Records that a step or a sub-flow has started, together with its own row.
    ///
    /// `row` is given the count of step rows, to take the next number if it is one.
    pub(super) fn opened(
        &self,
        id: Uuid,
        name: &'static str,
        row: impl FnOnce(&mut i32) -> Write,
    ) -> Result<Commit, Error> {
        let _tree = lock(&self.tree.lock);
        self.check_open()?;
        let mut writes = self.awake();
        let mut counters = lock(&self.tally.0);
        counters.open.push((id, name));
        writes.push(row(&mut counters.step_rows));
        writes.push(self.update(&counters));
        Ok(self.submit(writes))
    }

    /// A sub-flow is entered that an earlier execution recorded: nothing is new yet.
    pub(super) fn reentered(&self, id: Uuid, name: &'static str) -> Result<(), Error> {
        let _tree = lock(&self.tree.lock);
        self.check_open()?;
        lock(&self.tally.0).open.push((id, name));
        Ok(())
    }

    /// Queues rows that belong to the run while it lives; `rows` is given the count of step rows.
    pub(super) fn submit_while_open(
        &self,
        rows: impl FnOnce(&mut i32) -> Vec<Write>,
    ) -> Result<Commit, Error> {
        let _tree = lock(&self.tree.lock);
        self.check_open()?;
        let mut writes = self.awake();
        writes.extend(rows(&mut lock(&self.tally.0).step_rows));
        Ok(self.submit(writes))
    }

    /// Queues what is said of a recorded step: its run stays as it is.
    pub(super) fn submit_aside(&self, write: Write) -> Result<Commit, Error> {
        let _tree = lock(&self.tree.lock);
        self.check_open()?;
        Ok(self.submit(vec![write]))
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

    /// What opens the rows again that an earlier execution ended, outermost first. The caller holds the tree's lock.
    fn awake(&self) -> Vec<Write> {
        let mut writes: Vec<Write> = self
            .and_ancestors()
            .filter(|run| std::mem::take(&mut lock(&run.tally.0).dormant))
            .map(|run| RunReopen::new(run.id).into())
            .collect();
        writes.reverse();
        writes
    }

    /// Counts a step that was recorded earlier, and is not executed again.
    pub(super) fn recalled(&self, met: Spent, counted: Counted) {
        let _tree = lock(&self.tree.lock);
        for run in self.and_ancestors() {
            lock(&run.tally.0).met.add(met);
        }
        lock(&self.tally.0).finished += i32::from(counted == Counted::Step);
    }

    /// Records that a step has ended, together with its own row; what it spent goes to this run and all above it. A flow
    /// that sums up what its parts have met does not see what it gave up: on a replay it is not there.
    pub(super) fn closed(
        &self,
        id: Uuid,
        spent: Spent,
        counted: Counted,
        mut row: StepFinish,
        with: Option<Write>,
    ) -> (Commit, Turn) {
        let _tree = lock(&self.tree.lock);
        let turn = self.tree.returns.ended();
        row.completed_at = turn.ended_at();
        let is_told = counted == Counted::Step;
        let (met, counted) = match row.status {
            StepStatus::Cancelled | StepStatus::InDoubt => (Spent::default(), Counted::Aside),
            _ => {
                drop(lock(&self.tree.probation).take());
                (spent, counted)
            }
        };
        let mut rows = std::iter::once(row.into()).chain(with).collect();
        let name = self.close_below(id, (spent, met), counted, &mut rows);
        let ended = name.filter(|_| is_told).map(|name| (id, name));
        (self.submit_ending(rows, ended), turn)
    }

    /// The last word on this run: nothing is written of it after the row made here. No row if it ends as it had
    /// ended in an earlier execution.
    pub(super) fn finish(
        &self,
        completed: bool,
        row: impl FnOnce(Progress, bool) -> Option<Write>,
    ) -> (Commit, Spent) {
        let _tree = lock(&self.tree.lock);
        let (progress, spent, dormant) = {
            let mut counters = lock(&self.tally.0);
            counters.closed = true;
            // A flow that calls another sees what that came to, whoever executed it; a caller sees what was paid.
            let spent = match self.parent {
                Some(_) => counters.met,
                None => counters.spent,
            };
            (counters.progress(completed), spent, counters.dormant)
        };
        let row = row(progress, dormant);
        let mut writes = Vec::new();
        if let Some(row) = row {
            writes = self.awake();
            writes.push(row);
        }
        let commit = match &self.parent {
            // What this run spent is already in the sums above it.
            Some(parent) => {
                let nothing = (Spent::default(), Spent::default());
                parent.close_below(self.id, nothing, Counted::Step, &mut writes);
                if writes.is_empty() {
                    return (Commit::ready(Ok(())), spent);
                }
                parent.submit_ending(writes, Some((self.id, self.definition.name())))
            }
            None => self.submit(writes),
        };
        (commit, spent)
    }

    /// Nothing more is written of this run.
    pub(super) fn abandon(&self) {
        lock(&self.tally.0).closed = true;
    }

    /// Whether the run's last row is queued.
    pub(super) fn is_finished(&self) -> bool {
        lock(&self.tally.0).closed
    }

    /// Counts the end of a step or sub-flow of this run, and gives its name, if it was open. The caller holds the tree's lock.
    fn close_below(
        &self,
        id: Uuid,
        (spent, met): (Spent, Spent),
        counted: Counted,
        writes: &mut Vec<Write>,
    ) -> Option<&'static str> {
        let mut name = None;
        for run in self.and_ancestors() {
            let mut counters = lock(&run.tally.0);
            counters.spent.add(spent);
            counters.met.add(met);
            if run.id == self.id {
                let ended = counters.open.iter().position(|(open, _)| *open == id);
                name = ended.map(|ended| counters.open.remove(ended).1);
                counters.finished += i32::from(counted == Counted::Step);
            }
            // Without a row of its own, what ends was recorded earlier: nothing is new.
            if !counters.closed && !counters.dormant && !writes.is_empty() {
                writes.push(run.update(&counters));
            }
        }
        name
    }

    /// Queues what belongs to this run, under the lease of its root.
    pub(super) fn submit(&self, writes: Vec<Write>) -> Commit {
        self.submit_ending(writes, None)
    }

    fn submit_ending(&self, writes: Vec<Write>, ended: Ended) -> Commit {
        let events = self.events_of(&writes, ended);
        let commit = self.submit_untold(writes);
        self.services.events.tell(events);
        commit
    }

    /// Of the start of a root run: it is told when that is known to be its.
    pub(super) fn submit_untold(&self, writes: Vec<Write>) -> Commit {
        let writes = naming(self.root_id, writes);
        self.services.store.submit(self.lease(), writes)
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
