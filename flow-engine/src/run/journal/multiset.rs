//! Which recorded completion a call takes: the rule that makes a resumed flow safe.
//!
//! The completions of a run are a multiset: for each key, those recorded, in the order in which they started. A call takes
//! the first of its key that no earlier call of this execution took:
//!
//! 1. the one that was called where this call is: in the same scope (sub-flow call, branch), after the same step. Calls that
//!    did not come to their end stand between them as gaps: who finds one goes on as if there were nothing;
//! 2. else, once those who are ready have asked (see [`Journal`](super::Journal)), one from its own scope;
//! 3. else one from another scope, unless that scope is *held*: another branch is inside of it, and is about to ask for what
//!    it recorded;
//! 4. else one from the scopes around it, which go on after it. What the engine draws by itself is not taken from there:
//!    new draws cost nothing.
//!
//! None left is a miss. Where a call was made is a preference and never a part of the key: code that moves keeps its
//! results. Calls of one key are exchangeable, since the key covers all that a step reads; so a miss can cost money, but a
//! hit is never another call's value.

use std::collections::HashMap;

use super::scopes::{Scopes, and_outer};

/// Where a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At<'a> {
    pub(super) scope: &'a str,
    /// The key of the step that returned before, in that scope.
    pub(super) previous: Option<&'a str>,
}

/// The recorded completions of a run, by key. A completion is known by its place in the order of starts.
#[derive(Debug, Default)]
pub(super) struct Multiset {
    by_key: HashMap<String, Vec<RecordedCall>>,
    pub(super) scopes: Scopes,
}

#[derive(Debug)]
struct RecordedCall {
    place: usize,
    scope: String,
    previous: Option<String>,
    taken: bool,
    /// Its call did not come to an end.
    is_gap: bool,
}

/// What is recorded where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exactly {
    Completion(usize),
    Gap(usize),
    Nothing,
}

impl RecordedCall {
    fn is_at(&self, at: At<'_>) -> bool {
        self.scope == at.scope && self.previous.as_deref() == at.previous
    }
}

impl Multiset {
    /// Adds a completion; in start order.
    pub(super) fn insert(&mut self, place: usize, key: &str, at: At<'_>) {
        self.add(place, key, at, false);
    }

    /// Adds a call that did not come to its end; in start order with the completions.
    pub(super) fn insert_gap(&mut self, place: usize, key: &str, at: At<'_>) {
        self.add(place, key, at, true);
    }

    fn add(&mut self, place: usize, key: &str, at: At<'_>, is_gap: bool) {
        let completion = RecordedCall {
            place,
            scope: at.scope.to_owned(),
            previous: at.previous.map(str::to_owned),
            taken: false,
            is_gap,
        };
        self.by_key
            .entry(key.to_owned())
            .or_default()
            .push(completion);
    }

    /// Whether a call of `key` could get anything.
    pub(super) fn has(&self, key: &str) -> bool {
        self.by_key
            .get(key)
            .is_some_and(|all| all.iter().any(|one| !one.taken && !one.is_gap))
    }

    /// Takes what was called where this call is: a completion, or the gap of a call that did not come to its end. Of equal
    /// calls at the same time it may be that only the second one did.
    pub(super) fn take_exactly(&mut self, key: &str, at: At<'_>) -> Exactly {
        let all = self.by_key.get_mut(key).into_iter().flatten();
        let found = all.into_iter().find(|one| !one.taken && one.is_at(at));
        match found {
            Some(RecordedCall {
                place,
                taken,
                is_gap,
                ..
            }) => {
                *taken = true;
                if *is_gap {
                    Exactly::Gap(*place)
                } else {
                    Exactly::Completion(*place)
                }
            }
            None => Exactly::Nothing,
        }
    }

    /// Takes the completion that is left for a call, when nobody else is about to ask. What the scopes around it recorded
    /// comes last, or not at all: what is around goes on after it.
    pub(super) fn take(&mut self, key: &str, at: At<'_>, from_around: bool) -> Option<usize> {
        let is_around =
            |scope: &str| scope.is_empty() || and_outer(at.scope).any(|outer| outer == scope);
        self.take_if(key, |_, completion| completion.is_at(at))
            .or_else(|| self.take_if(key, |_, completion| completion.scope == at.scope))
            .or_else(|| {
                self.take_if(key, |scopes, RecordedCall { scope, .. }| {
                    !is_around(scope) && !scopes.is_held(scope, at.scope)
                })
            })
            .or_else(|| {
                self.take_if(key, |_, completion| {
                    from_around && is_around(&completion.scope)
                })
            })
    }

    fn take_if(
        &mut self,
        key: &str,
        fits: impl Fn(&Scopes, &RecordedCall) -> bool,
    ) -> Option<usize> {
        let Self { by_key, scopes } = self;
        let completion = by_key
            .get_mut(key)?
            .iter_mut()
            .find(|one| !one.taken && !one.is_gap && fits(scopes, one))?;
        completion.taken = true;
        Some(completion.place)
    }

    /// Takes a completion by its place.
    pub(super) fn mark_taken(&mut self, key: &str, place: usize) {
        let all = self.by_key.get_mut(key).into_iter().flatten();
        for completion in all.filter(|completion| completion.place == place) {
            completion.taken = true;
        }
    }

    /// Gives back what a call took and could not use.
    pub(super) fn give_back(&mut self, key: &str, place: usize) {
        let completions = self.by_key.get_mut(key).into_iter().flatten();
        for completion in completions.filter(|completion| completion.place == place) {
            completion.taken = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(scope: &str) -> At<'_> {
        At {
            scope,
            previous: None,
        }
    }

    fn after<'a>(scope: &'a str, previous: &'a str) -> At<'a> {
        At {
            scope,
            previous: Some(previous),
        }
    }

    fn take(journal: &mut Multiset, key: &str, at: At<'_>) -> Option<usize> {
        journal.take(key, at, true)
    }

    /// Completions as `(key, where)`, in start order.
    fn recorded(completions: &[(&str, At<'_>)]) -> Multiset {
        let mut multiset = Multiset::default();
        for (place, (key, at)) in completions.iter().enumerate() {
            multiset.insert(place, key, *at);
        }
        multiset
    }

    #[test]
    fn a_call_takes_the_completion_of_its_key_once() {
        let mut journal = recorded(&[("k", at(""))]);
        assert!(journal.has("k") && !journal.has("other"));
        assert_eq!(take(&mut journal, "k", at("")), Some(0));
        assert_eq!(
            take(&mut journal, "k", at("")),
            None,
            "none is left: a miss"
        );
        assert!(!journal.has("k"));
    }

    #[test]
    fn equal_calls_take_equal_completions_in_start_order() {
        let mut journal = recorded(&[("k", at("")), ("other", at("")), ("k", at(""))]);
        assert_eq!(
            [
                take(&mut journal, "k", at("")),
                take(&mut journal, "k", at(""))
            ],
            [Some(0), Some(2)]
        );
    }

    #[test]
    fn a_call_takes_what_was_called_where_it_is() {
        let draws = [("k", after("", "b")), ("k", after("", "a")), ("k", at("s"))];
        let mut journal = recorded(&draws);
        assert_eq!(
            journal.take_exactly("k", after("", "a")),
            Exactly::Completion(1)
        );
        assert_eq!(journal.take_exactly("k", at("s")), Exactly::Completion(2));
        assert_eq!(journal.take_exactly("k", after("", "c")), Exactly::Nothing);
        assert_eq!(
            take(&mut journal, "k", after("", "c")),
            Some(0),
            "what is left, when all who are ready have asked"
        );
    }

    #[test]
    fn of_equal_calls_at_the_same_time_the_first_leaves_a_gap_and_the_second_keeps_its_own() {
        let mut journal = Multiset::default();
        journal.insert_gap(0, "k", at(""));
        assert!(!journal.has("k"), "a gap is nothing to take");
        journal.insert(1, "k", at(""));
        assert_eq!(journal.take_exactly("k", at("")), Exactly::Gap(0));
        assert_eq!(journal.take_exactly("k", at("")), Exactly::Completion(1));
        assert_eq!(take(&mut journal, "k", at("")), None);
    }

    #[test]
    fn a_gap_keeps_nothing_from_a_call_that_is_alone_now() {
        let mut journal = Multiset::default();
        journal.insert_gap(0, "k", at(""));
        journal.insert(1, "k", at(""));
        assert_eq!(journal.take_exactly("k", at("")), Exactly::Gap(0));
        assert_eq!(take(&mut journal, "k", at("")), Some(1));
    }

    #[test]
    fn a_call_prefers_what_its_own_scope_recorded() {
        let mut journal = recorded(&[("k", at("a")), ("k", after("b", "x"))]);
        assert_eq!(take(&mut journal, "k", at("b")), Some(1));
        assert_eq!(take(&mut journal, "k", at("a")), Some(0));
    }

    #[test]
    fn where_is_a_preference_a_call_that_moved_keeps_its_result() {
        for (from, to) in [
            ("", "map(1)"),
            ("map(1)", ""),
            ("old", "new"),
            ("a/b", "a"),
            ("a", "a/b"),
        ] {
            let mut journal = recorded(&[("k", after(from, "x"))]);
            assert_eq!(
                take(&mut journal, "k", after(to, "y")),
                Some(0),
                "from scope {from:?} to {to:?}"
            );
        }
    }

    #[test]
    fn what_is_around_a_call_comes_last_or_not_at_all() {
        let mut journal = recorded(&[("k", at("")), ("k", at("a")), ("k", at("free"))]);
        assert_eq!(take(&mut journal, "k", at("a/b")), Some(2));
        assert_eq!(journal.take("k", at("a/b"), false), None);
        assert_eq!(
            [
                take(&mut journal, "k", at("a/b")),
                take(&mut journal, "k", at("a/b"))
            ],
            [Some(0), Some(1)]
        );
    }

    #[test]
    fn a_scope_that_another_branch_is_in_keeps_its_completions() {
        let mut journal = recorded(&[("k", at("a")), ("k", at("a/deep"))]);
        journal.scopes.enter("a");
        journal.scopes.enter("b");
        assert_eq!(
            take(&mut journal, "k", at("b")),
            None,
            "`a` is about to ask for them"
        );
        assert_eq!(take(&mut journal, "k", at("")), None);
        assert_eq!(take(&mut journal, "k", at("a")), Some(0));
        assert_eq!(
            take(&mut journal, "k", at("a")),
            Some(1),
            "what is below belongs to who is above"
        );
    }

    #[test]
    fn a_scope_that_was_left_gives_what_it_did_not_use() {
        let mut journal = recorded(&[("k", at("a"))]);
        journal.scopes.enter("a");
        journal.scopes.enter("a");
        journal.scopes.leave("a");
        assert_eq!(
            take(&mut journal, "k", at("b")),
            None,
            "entered twice, it was left once"
        );
        journal.scopes.leave("a");
        assert_eq!(take(&mut journal, "k", at("b")), Some(0));
    }

    #[test]
    fn a_scope_that_is_past_what_it_recorded_keeps_nothing() {
        let mut journal = recorded(&[("k", at("a")), ("k", at("a/b")), ("k", at("c"))]);
        for scope in ["a", "a/b", "c"] {
            journal.scopes.enter(scope);
        }
        journal.scopes.goes_on("a/b");
        assert_eq!(
            [
                take(&mut journal, "k", at("x")),
                take(&mut journal, "k", at("x"))
            ],
            [Some(0), Some(1)]
        );
        assert_eq!(take(&mut journal, "k", at("x")), None, "`c` still asks");
    }

    #[test]
    fn what_is_around_a_call_keeps_nothing_from_it_and_its_twin_neither() {
        let mut journal = recorded(&[
            ("k", at("outer")),
            ("k", at("map(1)#2")),
            ("k", at("outer")),
        ]);
        for scope in ["outer", "outer/map(1)", "map(1)", "map(1)#2"] {
            journal.scopes.enter(scope);
        }
        assert_eq!(take(&mut journal, "k", at("outer/map(1)")), Some(0));
        assert_eq!(
            take(&mut journal, "k", at("map(1)")),
            Some(1),
            "which of two equal branches is the second is chance"
        );
        assert_eq!(
            take(&mut journal, "k", at("outer2")),
            None,
            "a longer name is not inside"
        );
    }
}
