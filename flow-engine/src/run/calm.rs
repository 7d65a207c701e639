//! Whether all who can go on have asked for what is recorded: told by turns of the executor in which nothing happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// For how many turns of the executor nothing may be asked for until all count as having asked.
pub(super) const CALM: u32 = 16;

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
        let mut quiet = Quiet::default();
        while !quiet.for_turns(CALM, self.count()) {
            tokio::task::yield_now().await;
        }
    }
}

/// Counts turns in which nothing happened.
#[derive(Default)]
pub(super) struct Quiet<T> {
    seen: T,
    turns: u32,
    all_turns: u32,
}

impl<T: PartialEq> Quiet<T> {
    /// Whether what is seen has been the same for so many turns; to be asked once in each.
    pub(super) fn for_turns(&mut self, turns: u32, seen: T) -> bool {
        self.all_turns += 1;
        if seen == self.seen {
            self.turns += 1;
        } else {
            (self.seen, self.turns) = (seen, 0);
        }
        self.turns > turns
    }

    /// How often it was asked.
    pub(super) fn all_turns(&self) -> u32 {
        self.all_turns
    }
}
