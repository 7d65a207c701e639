//! What a root run waits for, and whether it does anything else: a background run that only waits leaves memory.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine_db::RunStatus;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::park::Parking;
use crate::lock::lock;

/// For how long a run must do nothing but wait until it leaves memory: a flow may still wait for something that the engine does not
/// see, such as a channel. A worker has no room for another run meanwhile.
const QUIET: Duration = Duration::from_millis(100);
/// For how long a call that is over lets others look for what they wait for.
const PATIENCE: Duration = Duration::from_millis(500);
/// What ends so soon is waited for in memory.
const SOON: TimeDelta = TimeDelta::seconds(1);

/// Shared by all runs of a root.
#[derive(Debug)]
pub(super) struct Waits {
    state: Mutex<State>,
    /// Counts the changes.
    changed: watch::Sender<u64>,
    /// How often the root's future was polled.
    polls: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// How many calls do something, or are about to.
    working: usize,
    /// How many have to look yet whether what they wait for is there.
    looking: usize,
    awaited: BTreeMap<u64, Awaited>,
    last: u64,
    /// Signals that a call of this execution takes.
    taken: HashSet<Uuid>,
}

/// What a call waits for.
#[derive(Debug, Clone)]
pub(super) enum Awaited {
    Time(DateTime<Utc>),
    Signal(String),
    /// The end of a timeout: what it is around waits, or does something.
    Limit(DateTime<Utc>),
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            polls: AtomicUsize::new(0),
        }
    }
}

impl Waits {
    /// A call does something until this is dropped.
    pub(super) fn work(self: &Arc<Self>) -> Guard {
        self.change(|state| state.working += 1);
        self.guard(Doing::Work)
    }

    /// A call is about to look, or does, whether what it waits for is there.
    pub(super) fn look(self: &Arc<Self>) -> Guard {
        self.change(|state| state.looking += 1);
        self.guard(Doing::Look)
    }

    /// A call waits for this.
    pub(super) fn wait(self: &Arc<Self>, awaited: Awaited) -> Guard {
        let place = self.change(|state| {
            state.last += 1;
            state.awaited.insert(state.last, awaited);
            state.last
        });
        self.guard(Doing::Wait(place))
    }

    fn guard(self: &Arc<Self>, doing: Doing) -> Guard {
        Guard {
            waits: Arc::clone(self),
            doing,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut lock(&self.state));
        self.changed.send_modify(|count| *count += 1);
        changed
    }

    /// Whether a signal is for the call that asks: no other one takes it any more.
    pub(super) fn take(&self, signal: Uuid) -> bool {
        lock(&self.state).taken.insert(signal)
    }

    /// Waits until nobody has to look yet. Not for long: who looks may be held by a flow that does not poll it.
    pub(super) async fn looked(&self) {
        let mut changed = self.changed.subscribe();
        let looked = async {
            while lock(&self.state).looking > 0 {
                // The sender is here.
                let _ = changed.changed().await;
            }
        };
        if timeout(PATIENCE, looked).await.is_err() {
            tracing::debug!("a wait whose time is over goes before one that nobody polls");
        }
    }

    pub(super) fn polled(&self) {
        self.polls.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until no call has done anything for so long.
    pub(super) async fn rests(&self, quiet: Duration) {
        let mut changed = self.changed.subscribe();
        loop {
            let is_working = lock(&self.state).working > 0;
            tokio::select! {
                _ = changed.changed() => {}
                () = sleep(quiet), if !is_working => return,
            }
        }
    }

    /// Waits until the run has done nothing but wait for a while.
    ///
    /// One that was taken because the time `woken` had come, by a clock that is ahead of this one, waits for it in memory.
    pub(super) async fn idle(&self, woken: Option<DateTime<Utc>>) -> Parking {
        let mut changed = self.changed.subscribe();
        loop {
            if lock(&self.state).parking(woken).is_none() {
                let _ = changed.changed().await;
                continue;
            }
            let before = self.polls.load(Ordering::Relaxed);
            let moved = tokio::select! {
                _ = changed.changed() => true,
                // Who polls this future polls the run right after it: once is nothing.
                () = sleep(QUIET) => self.polls.load(Ordering::Relaxed).wrapping_sub(before) > 1,
            };
            if moved {
                continue;
            }
            if let Some(parking) = lock(&self.state).parking(woken) {
                return parking;
            }
        }
    }
}

impl State {
    /// How the run waits, if it does nothing else and for some time.
    fn parking(&self, woken: Option<DateTime<Utc>>) -> Option<Parking> {
        let waits = |awaited: &Awaited| !matches!(awaited, Awaited::Limit(_));
        if self.working > 0 || self.looking > 0 || !self.awaited.values().any(waits) {
            return None;
        }
        let times = self.awaited.values().filter_map(|awaited| match awaited {
            Awaited::Time(at) | Awaited::Limit(at) => Some(*at),
            Awaited::Signal(_) => None,
        });
        let wake_at = times.min();
        let is_soon = |at| at - Utc::now() < SOON || woken.is_some_and(|woken| at <= woken);
        if wake_at.is_some_and(is_soon) {
            return None;
        }
        let signals: Vec<String> = self
            .awaited
            .values()
            .filter_map(|awaited| match awaited {
                Awaited::Signal(name) => Some(name.clone()),
                Awaited::Time(_) | Awaited::Limit(_) => None,
            })
            .collect();
        Some(Parking {
            status: RunStatus::Waiting,
            wake_at,
            signals,
            message: "the run waits, and a worker goes on with it".to_owned(),
        })
    }
}

/// What a call does until this is dropped.
#[derive(Debug)]
pub(super) struct Guard {
    waits: Arc<Waits>,
    doing: Doing,
}

#[derive(Debug, Clone, Copy)]
enum Doing {
    Work,
    Look,
    /// Its place among what is awaited.
    Wait(u64),
}

impl Drop for Guard {
    fn drop(&mut self) {
        let doing = self.doing;
        self.waits.change(|state| match doing {
            Doing::Work => state.working -= 1,
            Doing::Look => state.looking -= 1,
            Doing::Wait(place) => drop(state.awaited.remove(&place)),
        });
    }
}
