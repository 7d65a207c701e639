//! Who asks for what was called elsewhere: equal calls get it in the order in which they asked.

use std::collections::BTreeSet;

use super::Journal;
use crate::lock::lock;

/// For how many turns of the executor a call lets those go first that asked for the same before it.
const TURNS: u32 = 4;

/// A call that asks for what was called elsewhere. Equal ones get it in the order in which they asked: a `join!` polls its
/// branches in turns.
pub(super) struct Asking<'a> {
    journal: &'a Journal,
    key: String,
    number: u64,
}

impl Asking<'_> {
    /// Waits until those have got it that asked before; not for long, since they need not be polled.
    pub(super) async fn is_first(&self) {
        for _ in 0..TURNS {
            let is_first = {
                let state = lock(&self.journal.state);
                let first = state.asking.get(&self.key).and_then(BTreeSet::first);
                first.is_none_or(|first| *first >= self.number)
            };
            if is_first {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.journal.state);
        if let Some(asking) = state.asking.get_mut(&self.key) {
            asking.remove(&self.number);
            if asking.is_empty() {
                state.asking.remove(&self.key);
            }
        }
    }
}

impl Journal {
    /// Takes a place among those that ask for the same.
    pub(super) fn asking(&self, key: &str) -> Asking<'_> {
        let mut state = lock(&self.state);
        state.asked += 1;
        let number = state.asked;
        state
            .asking
            .entry(key.to_owned())
            .or_default()
            .insert(number);
        Asking {
            journal: self,
            key: key.to_owned(),
            number,
        }
    }
}
