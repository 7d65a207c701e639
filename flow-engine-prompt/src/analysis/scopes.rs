//! The names that a template defines itself, and what its conditions say of values.

use super::value::{Place, Value};

/// Names in scope, the innermost scope last.
#[derive(Debug, Clone, Default)]
pub(super) struct Scopes<'w> {
    outermost: Vec<Variable<'w>>,
    inner: Vec<Vec<Variable<'w>>>,
    bindings: usize,
    /// What is not none here.
    present: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq)]
struct Variable<'w> {
    name: &'w str,
    value: Value<'w>,
    /// It may be undefined: one branch of a condition defines it, and the other does not.
    unsure: bool,
}

impl<'w> Scopes<'w> {
    pub(super) fn push(&mut self) {
        self.inner.push(Vec::new());
    }

    pub(super) fn pop(&mut self) {
        self.inner.pop();
    }

    pub(super) fn define(&mut self, name: &'w str, value: Value<'w>) {
        self.bindings += 1;
        let value = value.bound(self.bindings, name);
        let scope = self.inner.last_mut().unwrap_or(&mut self.outermost);
        scope.retain(|variable| variable.name != name);
        scope.push(Variable {
            name,
            value,
            unsure: false,
        });
    }

    /// Defines a name of which the other branch of a condition knows nothing.
    pub(super) fn define_unsure(&mut self, name: &'w str) {
        self.define(name, Value::default());
        let scope = self.inner.last_mut().unwrap_or(&mut self.outermost);
        if let Some(variable) = scope.last_mut() {
            variable.unsure = true;
        }
    }

    pub(super) fn is_unsure(&self, name: &str) -> bool {
        let named = self.variables().filter(|variable| variable.name == name);
        named.last().is_some_and(|variable| variable.unsure)
    }

    /// The names that the innermost scope has and that of `other` has not.
    pub(super) fn names_not_in(&self, other: &Self) -> Vec<&'w str> {
        let own = self.inner.last().unwrap_or(&self.outermost);
        let others = other.inner.last().unwrap_or(&other.outermost);
        let is_new = |name: &&str| others.iter().all(|variable| variable.name != *name);
        own.iter()
            .map(|variable| variable.name)
            .filter(is_new)
            .collect()
    }

    /// The number of the last definition.
    pub(super) fn last_binding(&self) -> usize {
        self.bindings
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|defined| defined == name)
    }

    /// The value of the innermost variable of this name.
    pub(super) fn value(&self, name: &str) -> Option<&Value<'w>> {
        self.variables()
            .filter(|variable| variable.name == name)
            .last()
            .map(|variable| &variable.value)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'w str> {
        self.variables().map(|variable| variable.name)
    }

    fn variables(&self) -> impl Iterator<Item = &Variable<'w>> {
        self.outermost.iter().chain(self.inner.iter().flatten())
    }

    pub(super) fn is_present(&self, place: &Place) -> bool {
        self.present.contains(place)
    }

    /// Takes the places as not none, until [`forget`](Self::forget) is called with the number that this gives.
    pub(super) fn learn(&mut self, places: &[Place]) -> usize {
        let before = self.present.len();
        self.present.extend_from_slice(places);
        before
    }

    pub(super) fn forget(&mut self, before: usize) {
        self.present.truncate(before);
    }

    /// Goes back to `before`, and gives what has become of it meanwhile.
    pub(super) fn replaced_by(&mut self, before: Self) -> Self {
        let bindings = self.bindings;
        let after = std::mem::replace(self, before);
        // Another branch does not number its variables like this one.
        self.bindings = bindings;
        after
    }

    /// Joins what the other branch of a condition has defined: after it, a variable is what either of them made it.
    pub(super) fn join(&mut self, other: Self) {
        self.bindings = self.bindings.max(other.bindings);
        let pairs = std::iter::once((&mut self.outermost, other.outermost))
            .chain(self.inner.iter_mut().zip(other.inner));
        for (scope, others) in pairs {
            for variable in others {
                match scope.iter_mut().find(|own| own.name == variable.name) {
                    Some(own) if own.value == variable.value => own.unsure |= variable.unsure,
                    Some(own) => {
                        self.bindings += 1;
                        own.unsure |= variable.unsure;
                        // Of what is not known, nothing can be asked.
                        let (one, two) = (std::mem::take(&mut own.value), variable.value);
                        if !one.origins.is_empty() && !two.origins.is_empty() {
                            own.value = one.or(two).bound(self.bindings, own.name);
                        }
                    }
                    None => scope.push(variable),
                }
            }
        }
    }
}
