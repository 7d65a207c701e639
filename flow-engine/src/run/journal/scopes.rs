//! Which scopes this execution is inside of: what is recorded in one is kept for who is in it.

use std::collections::{HashMap, HashSet};

/// The scopes of an execution.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// Those that it is inside of.
    inside: HashMap<String, Inside>,
    /// Those that it has been in.
    entered: HashSet<String>,
}

#[derive(Debug, Default)]
struct Inside {
    times: usize,
    /// It has come to what is not recorded: so what comes after that in it is not either.
    is_past: bool,
}

impl Scopes {
    /// This execution goes into a scope.
    pub(super) fn enter(&mut self, scope: &str) {
        self.inside.entry(scope.to_owned()).or_default().times += 1;
        self.entered.insert(scope.to_owned());
    }

    /// It executes something in a scope that is not recorded.
    pub(super) fn goes_on(&mut self, scope: &str) {
        for outer in and_outer(scope) {
            if let Some(held) = self.inside.get_mut(outer) {
                held.is_past = true;
            }
        }
    }

    /// It has left the scope: what is left in it is free.
    pub(super) fn leave(&mut self, scope: &str) {
        if let Some(held) = self.inside.get_mut(scope) {
            held.times -= 1;
            if held.times == 0 {
                self.inside.remove(scope);
            }
        }
    }

    /// Whether another part of this execution than the one in `asking` is, or has been, inside of `scope`: what is recorded
    /// there says nothing about a call elsewhere.
    pub(super) fn belongs_elsewhere(&self, scope: &str, asking: &str) -> bool {
        and_outer(scope).any(|outer| {
            !and_outer(asking).any(|inside| inside == outer) && self.entered.contains(outer)
        })
    }

    /// Whether another branch is inside of a scope, and about to ask for what is recorded there.
    pub(super) fn is_held(&self, scope: &str, asking: &str) -> bool {
        and_outer(scope).any(|outer| {
            // What the asking call is inside of keeps nothing from it, and no more does its twin: which of two equal scopes
            // is counted first is chance.
            !and_outer(asking).any(|inside| uncounted(inside) == uncounted(outer))
                && self.inside.get(outer).is_some_and(|inside| !inside.is_past)
        })
    }
}

/// A scope and those around it, innermost first: `a/b`, `a`.
pub(super) fn and_outer(scope: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(scope), |inner| {
        inner.rsplit_once('/').map(|(outer, _)| outer)
    })
    .filter(|scope| !scope.is_empty())
}

/// A scope without the count that tells it from its equals: `map(1)` for `map(1)#2`.
fn uncounted(scope: &str) -> &str {
    match scope.rsplit_once('#') {
        Some((equal, count)) if count.bytes().all(|digit| digit.is_ascii_digit()) => equal,
        _ => scope,
    }
}
