//! In which order calls return: that in which they ended, live and on a replay.
//!
//! What a flow does next can depend on which of several calls returned first: what it collects from a
//! `FuturesUnordered`, what follows a `join!`, which of its branches draws the first id. The rows of steps and sub-flows say
//! when they ended. So a live call, once its end is on disk, lets those go first that ended before it; and on a replay what is
//! recorded returns in the recorded order, however fast.
//!
//! Nobody waits for a call that does not come, because it was given up, or the flow was edited, or nobody polls it: when
//! nothing happens for a few turns of the executor, the next one returns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use crate::lock::lock;

/// For how many turns of the executor nothing may be asked for until all count as having asked.
const CALM: u32 = 16;

/// For how many turns a call waits for those before it to come. A call that asks for what was recorded elsewhere waits for
/// calm itself, up to twice.
const PATIENCE: u32 = 3 * CALM;

/// For how long a call waits for one that has come, when nothing happens: a flow that holds two calls need not poll both.
const UNPOLLED: Duration = Duration::from_millis(50);

/// Counts what lets calls go on: what the journal is asked for, and what returns.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(Arc<AtomicUsize>);

impl Activity {
    pub(super) fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until nothing more happens: hits take no time, so that everyone who can go on has come to a call that is not
    /// recorded.
    pub(super) async fn calm(&self) {
        let mut quiet = Quiet::new(self);
        while !quiet.for_turns(CALM) {
            tokio::task::yield_now().await;
        }
    }
}

/// Counts turns in which nothing happened.
struct Quiet<'a> {
    activity: &'a Activity,
    count: usize,
    turns: u32,
}

impl<'a> Quiet<'a> {
    fn new(activity: &'a Activity) -> Self {
        Self {
            activity,
            count: activity.count(),
            turns: 0,
        }
    }

    /// Whether it has been quiet for so many turns; to be asked once in each.
    fn for_turns(&mut self, turns: u32) -> bool {
        let count = self.activity.count();
        if count == self.count {
            self.turns += 1;
        } else {
            (self.count, self.turns) = (count, 0);
        }
        self.turns > turns
    }
}

/// When a call ended. No two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    at: DateTime<Utc>,
    id: Uuid,
}

/// The calls of a root run that have ended and have not returned.
#[derive(Debug, Default)]
pub(super) struct Returns {
    state: Mutex<State>,
    activity: Activity,
}

#[derive(Debug, Default)]
struct State {
    /// Those that may come, recorded or live.
    expected: BTreeSet<End>,
    /// Those of them that have come, and wait for others.
    waiting: BTreeMap<End, Option<oneshot::Sender<()>>>,
    last: Option<DateTime<Utc>>,
}

/// Whether a call returns.
enum Now {
    Returns,
    /// It is the first of those that have come, but others may come before it.
    IsNext,
    /// It is told when it is next.
    Waits(oneshot::Receiver<()>),
}

impl Returns {
    /// Those that earlier executions recorded, by when they ended.
    pub(super) fn new(
        recorded: impl IntoIterator<Item = (DateTime<Utc>, Uuid)>,
        activity: Activity,
    ) -> Self {
        let ends = recorded.into_iter().map(|(at, id)| End { at, id });
        let expected: BTreeSet<End> = ends.collect();
        let state = State {
            last: expected.last().map(|end| end.at),
            expected,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            activity,
        }
    }

    /// A call ends now.
    pub(super) fn ended(self: &Arc<Self>) -> Turn {
        let mut state = lock(&self.state);
        // As exact as a row keeps it, and after all others, whatever the clock says.
        let now = Utc::now().trunc_subsecs(6);
        let after = state.last.map(|last| last + TimeDelta::microseconds(1));
        let at = after.map_or(now, |after| now.max(after));
        state.last = Some(at);
        let id = Uuid::nil();
        self.expect(&mut state, End { at, id })
    }

    /// A call that ended in an earlier execution.
    pub(super) fn recorded(self: &Arc<Self>, at: DateTime<Utc>, id: Uuid) -> Turn {
        self.expect(&mut lock(&self.state), End { at, id })
    }

    fn expect(self: &Arc<Self>, state: &mut State, end: End) -> Turn {
        state.expected.insert(end);
        Turn {
            returns: Arc::clone(self),
            end,
        }
    }

    /// Recorded calls that will not come.
    pub(super) fn without(&self, given_up: impl IntoIterator<Item = (DateTime<Utc>, Uuid)>) {
        let mut state = lock(&self.state);
        for (at, id) in given_up {
            state.expected.remove(&End { at, id });
        }
    }
}

/// The right of a call that has ended to return when it is its turn. Dropped when it does, or is given up.
#[derive(Debug)]
pub(super) struct Turn {
    returns: Arc<Returns>,
    end: End,
}

impl Turn {
    /// When the call ended.
    pub(super) fn ended_at(&self) -> DateTime<Utc> {
        self.end.at
    }

    /// Waits until those have returned that ended before.
    pub(super) async fn comes(&self) {
        let activity = &self.returns.activity;
        let mut quiet = Quiet::new(activity);
        loop {
            match self.now() {
                Now::Returns => return,
                Now::IsNext if quiet.for_turns(PATIENCE) => self.overtake(),
                Now::IsNext => tokio::task::yield_now().await,
                Now::Waits(told) => {
                    let before = activity.count();
                    let is_stuck = timeout(UNPOLLED, told).await.is_err();
                    if is_stuck && activity.count() == before {
                        self.overtake();
                    }
                }
            }
        }
    }

    /// Those that ended before return when they like.
    fn overtake(&self) {
        let mut state = lock(&self.returns.state);
        state.expected = state.expected.split_off(&self.end);
        state.waiting = state.waiting.split_off(&self.end);
    }

    fn now(&self) -> Now {
        let mut state = lock(&self.returns.state);
        if state
            .expected
            .first()
            .is_none_or(|first| *first >= self.end)
        {
            return Now::Returns;
        }
        if state
            .waiting
            .first_key_value()
            .is_none_or(|(first, _)| *first >= self.end)
        {
            state.waiting.insert(self.end, None);
            return Now::IsNext;
        }
        let (tell, told) = oneshot::channel();
        state.waiting.insert(self.end, Some(tell));
        Now::Waits(told)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = lock(&self.returns.state);
        state.expected.remove(&self.end);
        state.waiting.remove(&self.end);
        if let Some(mut next) = state.waiting.first_entry()
            && let Some(next) = next.get_mut().take()
        {
            // It may have been given up meanwhile: then it tells the one after it.
            let _ = next.send(());
        }
        self.returns.activity.note();
    }
}
