//! Which recorded completion a call takes: the rule that makes a resumed flow safe.
//!
//! The completions of a run are a multiset: for each key, those recorded, in the order in which they started. A call takes
//! the first of its key that no earlier call of this execution took:
//!
//! 1. from its own scope (sub-flow call, branch of a `map`);
//! 2. else from any scope of the run, unless that scope is *held*: this execution is inside of it, in another branch,
//!    where the completion is about to be asked for.
//!
//! None left is a miss. Scope is a preference and never a part of the key: code that moves between scopes keeps its results.
//! Calls of one key are exchangeable, since the key covers all that a step reads; so a miss can cost money, but a hit is
//! never another call's value.

use std::collections::HashMap;

/// The recorded completions of a run, by key. A completion is known by its place in the order of starts.
#[derive(Debug, Default)]
pub(super) struct Multiset {
    by_key: HashMap<String, Vec<Completion>>,
    /// The scopes that this execution is inside of, and how often.
    held: HashMap<String, usize>,
}

#[derive(Debug)]
struct Completion {
    place: usize,
    scope: String,
    taken: bool,
}

impl Multiset {
    /// Adds a completion; in start order.
    pub(super) fn insert(&mut self, place: usize, key: &str, scope: &str) {
        let completion = Completion {
            place,
            scope: scope.to_owned(),
            taken: false,
        };
        self.by_key
            .entry(key.to_owned())
            .or_default()
            .push(completion);
    }

    /// Takes the completion that a call of `key` in `scope` gets.
    pub(super) fn take(&mut self, key: &str, scope: &str) -> Option<usize> {
        let Self { by_key, held } = self;
        let completions = by_key.get_mut(key)?;
        let own = completions
            .iter()
            .position(|completion| !completion.taken && completion.scope == scope);
        let found = own.or_else(|| {
            completions.iter().position(|completion| {
                !completion.taken && !is_held(held, &completion.scope, scope)
            })
        })?;
        completions[found].taken = true;
        Some(completions[found].place)
    }

    /// This execution goes into a scope.
    pub(super) fn enter(&mut self, scope: &str) {
        *self.held.entry(scope.to_owned()).or_default() += 1;
    }

    /// It has left the scope: what is left in it is free.
    pub(super) fn leave(&mut self, scope: &str) {
        if let Some(count) = self.held.get_mut(scope) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(scope);
            }
        }
    }

    /// Whether another part of this execution, and not the one in `asking`, is inside of `scope`.
    pub(super) fn is_held(&self, scope: &str, asking: &str) -> bool {
        is_held(&self.held, scope, asking)
    }
}

fn is_held(held: &HashMap<String, usize>, scope: &str, asking: &str) -> bool {
    // What the asking call is inside of itself keeps nothing from it.
    and_outer(scope).any(|outer| !is_within(asking, outer) && held.contains_key(outer))
}

/// A scope and those around it, innermost first: `a/b`, `a`.
fn and_outer(scope: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(scope), |inner| {
        inner.rsplit_once('/').map(|(outer, _)| outer)
    })
    .filter(|scope| !scope.is_empty())
}

fn is_within(scope: &str, outer: &str) -> bool {
    scope
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Completions as `(key, scope)`, in start order.
    fn recorded(completions: &[(&str, &str)]) -> Multiset {
        let mut multiset = Multiset::default();
        for (place, (key, scope)) in completions.iter().enumerate() {
            multiset.insert(place, key, scope);
        }
        multiset
    }

    #[test]
    fn a_call_takes_the_completion_of_its_key_once() {
        let mut journal = recorded(&[("k", "")]);
        assert_eq!(journal.take("k", ""), Some(0));
        assert_eq!(journal.take("k", ""), None, "none is left: a miss");
        assert_eq!(journal.take("other", ""), None);
    }

    #[test]
    fn equal_calls_take_equal_completions_in_start_order() {
        let mut journal = recorded(&[("k", ""), ("other", ""), ("k", "")]);
        assert_eq!(
            [journal.take("k", ""), journal.take("k", "")],
            [Some(0), Some(2)]
        );
    }

    #[test]
    fn a_call_prefers_what_its_own_scope_recorded() {
        let mut journal = recorded(&[("k", "a"), ("k", "b")]);
        assert_eq!(journal.take("k", "b"), Some(1));
        assert_eq!(journal.take("k", "a"), Some(0));
    }

    #[test]
    fn scope_is_a_preference_a_call_that_moved_keeps_its_result() {
        for (from, to) in [
            ("", "map(1)"),
            ("map(1)", ""),
            ("old", "new"),
            ("a/b", "a"),
            ("a", "a/b"),
        ] {
            let mut journal = recorded(&[("k", from)]);
            assert_eq!(
                journal.take("k", to),
                Some(0),
                "from scope {from:?} to {to:?}"
            );
        }
    }

    #[test]
    fn a_scope_that_another_branch_is_in_keeps_its_completions() {
        let mut journal = recorded(&[("k", "a"), ("k", "a/deep")]);
        journal.enter("a");
        journal.enter("b");
        assert_eq!(journal.take("k", "b"), None, "`a` is about to ask for them");
        assert_eq!(journal.take("k", ""), None);
        assert_eq!(journal.take("k", "a"), Some(0));
        assert_eq!(
            journal.take("k", "a"),
            Some(1),
            "what is below belongs to who is above"
        );
    }

    #[test]
    fn a_scope_that_was_left_gives_what_it_did_not_use() {
        let mut journal = recorded(&[("k", "a")]);
        journal.enter("a");
        journal.enter("a");
        journal.leave("a");
        assert_eq!(
            journal.take("k", "b"),
            None,
            "entered twice, it was left once"
        );
        journal.leave("a");
        assert_eq!(journal.take("k", "b"), Some(0));
    }

    #[test]
    fn what_is_around_a_call_keeps_nothing_from_it() {
        let mut journal = recorded(&[("k", "outer"), ("k", "outer")]);
        journal.enter("outer");
        journal.enter("outer/map(1)");
        assert_eq!(journal.take("k", "outer/map(1)"), Some(0));
        assert_eq!(
            journal.take("k", "outer2"),
            None,
            "a longer name is not inside"
        );
    }
}
