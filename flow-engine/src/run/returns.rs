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
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use super::calm::{Activity, CALM, Quiet};
use crate::lock::lock;

/// For how many quiet turns a call waits for those before it to come. A call that asks for what was recorded elsewhere waits
/// for calm itself, up to twice.
const PATIENCE: u32 = 3 * CALM;

/// For how many turns it does where it is never quiet.
const MOST_PATIENCE: u32 = 100 * PATIENCE;

/// For how long it waits for one that is in flight, or until it hears of those that look.
const IN_FLIGHT: Duration = Duration::from_millis(50);

/// When a call ended, and which one of those at that time.
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
    /// Those of them that will, unless they are given up.
    claimed: BTreeSet<End>,
    /// Those of these that are about to: they wait for the database.
    in_flight: BTreeSet<End>,
    /// Those that have come and wait for others.
    waiting: BTreeMap<End, Waiting>,
    /// The same, by when they came.
    arrivals: BTreeMap<u64, End>,
    came: u64,
    last: Option<DateTime<Utc>>,
}

#[derive(Debug, Default)]
struct Waiting {
    came: u64,
    /// How often it was polled.
    polls: u64,
    tell: Option<oneshot::Sender<()>>,
}

impl State {
    /// Who waits and is to look whether those before it come: the first one; and the one that came last, since a flow that
    /// holds several need not poll them all.
    fn lookouts(&self) -> [Option<End>; 2] {
        let first = self.waiting.first_key_value();
        let newest = self.arrivals.last_key_value();
        [first.map(|(end, _)| *end), newest.map(|(_, end)| *end)]
    }

    fn tell_lookouts(&mut self) {
        for end in self.lookouts().into_iter().flatten() {
            let tell = self.waiting.get_mut(&end).and_then(|one| one.tell.take());
            if let Some(tell) = tell {
                // Who was given up meanwhile tells the next one.
                let _ = tell.send(());
            }
        }
    }

    fn wait(&mut self, end: End, tell: Option<oneshot::Sender<()>>) {
        let came = &mut self.came;
        let waiting = self.waiting.entry(end).or_insert_with(|| {
            *came += 1;
            let came = *came;
            Waiting {
                came,
                ..Waiting::default()
            }
        });
        waiting.polls += 1;
        waiting.tell = tell;
        self.arrivals.insert(waiting.came, end);
    }

    fn waits_no_more(&mut self, end: End) {
        if let Some(Waiting { came, .. }) = self.waiting.remove(&end) {
            self.arrivals.remove(&came);
        }
    }
}

/// Whether a call returns.
enum Now {
    Returns,
    /// It is the first one that has come, and looks whether those before it do.
    LooksForOthers,
    /// It is the last one that has come, and looks whether the first one is polled, and how often it was.
    LooksAt(End, u64),
    /// Others look. It is told when one of them has returned.
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

    /// Waits until all who can go on have asked for what is recorded.
    pub(super) async fn calm(&self) {
        self.activity.calm().await;
    }

    /// A call that ended in an earlier execution.
    pub(super) fn recorded(self: &Arc<Self>, at: DateTime<Utc>, id: Uuid) -> Turn {
        self.expect(&mut lock(&self.state), End { at, id })
    }

    fn expect(self: &Arc<Self>, state: &mut State, end: End) -> Turn {
        state.expected.insert(end);
        state.claimed.insert(end);
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

    /// While it is in flight, others wait for it for longer than for a call that may never come.
    pub(super) fn in_flight(&self) -> InFlight<'_> {
        lock(&self.returns.state).in_flight.insert(self.end);
        InFlight(self)
    }

    /// Waits until those have returned that ended before.
    pub(super) async fn comes(&self) {
        let activity = &self.returns.activity;
        let (mut others, mut first) = (Quiet::default(), Quiet::default());
        loop {
            match self.now() {
                Now::Returns => return,
                Now::LooksForOthers
                    if others.for_turns(PATIENCE, activity.count())
                        || others.all_turns() > MOST_PATIENCE =>
                {
                    return self.expects_no_others();
                }
                // A flow that holds several calls need not poll them all: this one passes them.
                Now::LooksAt(end, polls) if first.for_turns(CALM, Some((end, polls))) => return,
                Now::LooksForOthers | Now::LooksAt(..) => tokio::task::yield_now().await,
                Now::Waits(told) => {
                    let before = activity.count();
                    let is_late = timeout(IN_FLIGHT, told).await.is_err();
                    if is_late && activity.count() == before {
                        return;
                    }
                }
            }
        }
    }

    fn now(&self) -> Now {
        let mut state = lock(&self.returns.state);
        let is_first = |ends: &BTreeSet<End>| ends.first().is_none_or(|first| *first >= self.end);
        if is_first(&state.expected) {
            return Now::Returns;
        }
        state.wait(self.end, None);
        if is_first(&state.in_flight) {
            match state.lookouts() {
                [Some(first), _] if first == self.end => return Now::LooksForOthers,
                [Some(first), Some(newest)] if newest == self.end => {
                    let polls = state.waiting.get(&first).map_or(0, |first| first.polls);
                    return Now::LooksAt(first, polls);
                }
                _ => {}
            }
        }
        let (tell, told) = oneshot::channel();
        state.wait(self.end, Some(tell));
        Now::Waits(told)
    }

    fn expects_no_others(&self) {
        let mut state = lock(&self.returns.state);
        let State {
            expected, claimed, ..
        } = &mut *state;
        *expected = expected.split_off(&self.end);
        // Those keep their order.
        expected.extend(claimed.range(..self.end));
    }
}

/// Until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight<'a>(&'a Turn);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let Self(Turn { returns, end }) = self;
        lock(&returns.state).in_flight.remove(end);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = lock(&self.returns.state);
        state.expected.remove(&self.end);
        state.claimed.remove(&self.end);
        state.waits_no_more(self.end);
        state.tell_lookouts();
        self.returns.activity.note();
    }
}

#[cfg(test)]
mod tests;
