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
const UNPOLLED: Duration = Duration::from_millis(200);

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
    /// Those of them that have come: the rest of the way may be a commit.
    come: BTreeSet<End>,
    /// Those of these that wait for another one that has.
    waiting: BTreeMap<End, oneshot::Sender<()>>,
    last: Option<DateTime<Utc>>,
}

/// Whether a call returns.
enum Now {
    Returns,
    /// It is the first of those that have come, but others may come before it.
    IsFirst,
    /// It is told when it is the first of those that wait.
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
        state.come.insert(end);
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
                Now::IsFirst if quiet.for_turns(PATIENCE) => self.overtake(),
                Now::IsFirst => tokio::task::yield_now().await,
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
        state.come = state.come.split_off(&self.end);
        state.waiting = state.waiting.split_off(&self.end);
    }

    fn now(&self) -> Now {
        let mut state = lock(&self.returns.state);
        let is_first = |ends: &BTreeSet<End>| ends.first().is_none_or(|first| *first >= self.end);
        if is_first(&state.expected) {
            return Now::Returns;
        }
        if is_first(&state.come) {
            return Now::IsFirst;
        }
        let (tell, told) = oneshot::channel();
        state.waiting.insert(self.end, tell);
        Now::Waits(told)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = lock(&self.returns.state);
        state.expected.remove(&self.end);
        state.come.remove(&self.end);
        state.waiting.remove(&self.end);
        if let Some((_, next)) = state.waiting.pop_first() {
            // It may have been given up meanwhile: then it tells the one after it.
            let _ = next.send(());
        }
        self.returns.activity.note();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::join;

    use super::*;

    fn minute(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    /// Those that an earlier execution recorded, one in each minute.
    fn recorded(minutes: &[i64]) -> Arc<Returns> {
        let ends = minutes.iter().map(|at| (minute(*at), Uuid::nil()));
        Arc::new(Returns::new(ends, Activity::default()))
    }

    async fn returns(turn: Turn, name: &'static str, order: &Mutex<Vec<&'static str>>) {
        turn.comes().await;
        lock(order).push(name);
    }

    #[tokio::test]
    async fn what_ended_first_returns_first_whoever_is_polled_first() {
        let all = Arc::new(Returns::default());
        let order = Mutex::new(Vec::new());
        let (first, second) = (all.ended(), all.ended());
        assert!(first.ended_at() < second.ended_at());
        let second = returns(second, "second", &order);
        join(second, returns(first, "first", &order)).await;
        assert_eq!(order.into_inner().unwrap(), ["first", "second"]);
    }

    #[tokio::test]
    async fn what_is_recorded_returns_as_it_ended_and_before_what_is_new() {
        let all = recorded(&[1, 2]);
        let order = Mutex::new(Vec::new());
        let new = returns(all.ended(), "new", &order);
        let later = returns(all.recorded(minute(2), Uuid::nil()), "later", &order);
        let earlier = async {
            // It is asked for after others.
            for _ in 0..CALM {
                tokio::task::yield_now().await;
            }
            returns(all.recorded(minute(1), Uuid::nil()), "earlier", &order).await;
        };
        join(new, join(later, earlier)).await;
        assert_eq!(order.into_inner().unwrap(), ["earlier", "later", "new"]);
    }

    #[tokio::test]
    async fn nobody_waits_for_what_is_not_asked_for_or_given_up() {
        let all = recorded(&[1, 2, 3, 4]);
        all.without([(minute(1), Uuid::nil())]);
        let second = all.recorded(minute(2), Uuid::nil());
        assert!(second.comes().now_or_never().is_some());
        let fourth = all.recorded(minute(4), Uuid::nil());
        assert!(fourth.comes().now_or_never().is_none());
        drop(second);
        // The third is not asked for.
        fourth.comes().await;
        // And if it is asked for now, it returns at once.
        let third = all.recorded(minute(3), Uuid::nil());
        assert!(third.comes().now_or_never().is_some());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_for_what_nobody_polls() {
        let all = recorded(&[1, 2, 3]);
        let second = all.recorded(minute(2), Uuid::nil());
        let mut second = Box::pin(second.comes());
        // It has come, and is the next one.
        assert!(second.as_mut().now_or_never().is_none());
        all.recorded(minute(3), Uuid::nil()).comes().await;
        second.await;
    }

    #[tokio::test]
    async fn what_is_given_up_lets_the_next_one_go() {
        let all = recorded(&[1, 2]);
        let first = all.recorded(minute(1), Uuid::nil());
        let second = all.recorded(minute(2), Uuid::nil());
        let order = Mutex::new(Vec::new());
        let given_up = async {
            tokio::task::yield_now().await;
            drop(first);
            lock(&order).push("given up");
        };
        join(returns(second, "second", &order), given_up).await;
        assert_eq!(order.into_inner().unwrap(), ["given up", "second"]);
    }

    #[test]
    fn no_two_calls_end_at_the_same_time_whatever_the_clock_says() {
        let future = Utc::now() + TimeDelta::days(1);
        let all = Arc::new(Returns::new([(future, Uuid::nil())], Activity::default()));
        let ends: Vec<_> = (0..100).map(|_| all.ended().ended_at()).collect();
        assert!(ends[0] > future);
        assert!(ends.is_sorted_by(|earlier, later| earlier < later));
    }
}
