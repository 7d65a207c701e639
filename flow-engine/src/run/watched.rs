//! The runs that somebody in this process waits for, whoever executes them. Who looks after them is the engine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use flow_engine_db::{RunStatus, Standing, Standings};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::lock::lock;

/// Shared by an engine and its handles.
#[derive(Debug, Default)]
pub(crate) struct Watched(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    runs: HashMap<Uuid, Entry>,
    /// Asks the database about them, as long as there are any.
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// How many wait for a change.
    waiters: usize,
    /// Whether this engine goes on with it when it is due.
    is_kept: bool,
    seen: Seen,
    /// Counts the changes.
    changed: watch::Sender<u64>,
}

/// How a run stood when the database was asked the last time, as far as who waits for it is concerned: a lease that is renewed
/// changes nothing.
#[derive(Debug, Default, PartialEq)]
enum Seen {
    #[default]
    NotYet,
    Gone,
    At(RunStatus, Option<DateTime<Utc>>),
}

impl Watched {
    /// Is told of changes until this is dropped.
    pub(crate) fn wait_for(self: &Arc<Self>, run_id: Uuid) -> Watching {
        let mut state = lock(&self.0);
        let entry = state.runs.entry(run_id).or_default();
        entry.waiters += 1;
        Watching {
            watched: Arc::clone(self),
            run_id,
            changed: entry.changed.subscribe(),
        }
    }

    /// From now on this engine goes on with the run whenever it is due, until its end.
    pub(crate) fn keep(&self, run_id: Uuid) {
        lock(&self.0).runs.entry(run_id).or_default().is_kept = true;
    }

    /// Lets who waits for a run look at it.
    pub(crate) fn ring(&self, run_id: Uuid) {
        if let Some(entry) = lock(&self.0).runs.get(&run_id) {
            entry.ring();
        }
    }

    /// Lets all who wait look.
    pub(crate) fn ring_all(&self) {
        lock(&self.0).runs.values().for_each(Entry::ring);
    }

    /// Begins to ask, unless somebody does.
    pub(crate) fn begin(&self, begin: impl FnOnce() -> JoinHandle<()>) {
        let mut state = lock(&self.0);
        if state.task.as_ref().is_none_or(JoinHandle::is_finished) {
            state.task = Some(begin());
        }
    }

    /// What to ask for; `None` if there is nothing: then who asks ends, and is begun again when there is.
    pub(crate) fn asked(&self) -> Option<Vec<Uuid>> {
        let mut state = lock(&self.0);
        if state.runs.is_empty() {
            state.task = None;
            return None;
        }
        Some(state.runs.keys().copied().collect())
    }

    /// Tells those who wait what has changed, and gives the runs that this engine is to go on with.
    pub(crate) fn saw(&self, asked: &[Uuid], standings: &Standings) -> Vec<Uuid> {
        let found: HashMap<Uuid, Standing> = standings
            .runs
            .iter()
            .map(|standing| (standing.run_id, *standing))
            .collect();
        let mut due = Vec::new();
        let mut state = lock(&self.0);
        for run_id in asked {
            let standing = found.get(run_id).copied();
            let Some(entry) = state.runs.get_mut(run_id) else {
                continue;
            };
            let seen = standing.map_or(Seen::Gone, |run| Seen::At(run.status, run.wake_at));
            let is_due = standing.is_some_and(|run| run.is_due(standings.now));
            // Who waits for a run that is due may be who is to take it.
            if entry.seen != seen || is_due {
                entry.ring();
            }
            entry.seen = seen;
            entry.is_kept &= standing.is_some_and(|run| !has_ended(&run));
            if entry.is_kept && is_due {
                due.push(*run_id);
            }
            if entry.waiters == 0 && !entry.is_kept {
                state.runs.remove(run_id);
            }
        }
        due
    }
}

/// An interrupted run has not ended for good.
fn has_ended(run: &Standing) -> bool {
    !run.status.is_open() && run.status != RunStatus::Interrupted
}

impl Entry {
    fn ring(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.0).task.take() {
            task.abort();
        }
    }
}

/// Somebody waits for a run until this is dropped.
#[derive(Debug)]
pub(crate) struct Watching {
    watched: Arc<Watched>,
    run_id: Uuid,
    changed: watch::Receiver<u64>,
}

impl Watching {
    /// Waits until the run may have changed since the last time.
    pub(crate) async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            unreachable!("a run that somebody waits for is watched");
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut state = lock(&self.watched.0);
        if let Some(entry) = state.runs.get_mut(&self.run_id) {
            entry.waiters -= 1;
            if entry.waiters == 0 && !entry.is_kept {
                state.runs.remove(&self.run_id);
            }
        }
    }
}
