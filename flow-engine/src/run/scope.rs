//! Where in its root run a call is made: inside which sub-flow calls and `map` branches.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::json;

use super::journal::Journal;
use crate::identity::Hash;
use crate::lock::lock;

/// A sub-flow call or a branch of a `map`, named by its content: `review(91c0…)/map(3f2a…)`. Empty for the root.
///
/// Equal ones beside each other are counted: `map(3f2a…)#2`.
#[derive(Debug, Default)]
pub(super) struct Scope {
    path: String,
    labels: Arc<Mutex<HashMap<String, u32>>>,
    order: Mutex<Order>,
}

/// What a call comes after. Calls beside each other may return in any order, and on a replay in another one: what is
/// called when all of them have, comes after all of them.
#[derive(Debug, Default)]
struct Order {
    /// How many calls have not returned.
    open: usize,
    /// The keys of those that have, since none was open.
    returned: Vec<Arc<str>>,
    /// What a call comes after while others are open: the one that returned last, or what all of them come after.
    last: Option<Arc<str>>,
}

impl Order {
    fn previous(&self) -> Option<Arc<str>> {
        match self.returned.as_slice() {
            [] => self.last.clone(),
            _ if self.open > 0 => self.last.clone(),
            [one] => Some(Arc::clone(one)),
            several => {
                let mut keys: Vec<&str> = several.iter().map(|key| &**key).collect();
                keys.sort_unstable();
                Some(Hash::of("returned", &json!(keys)).to_string().into())
            }
        }
    }
}

/// A call that has not returned. What is dropped before has not been.
#[derive(Debug)]
pub(super) struct Open(Arc<Scope>);

impl Open {
    pub(super) fn new(scope: &Arc<Scope>) -> Self {
        let mut order = lock(&scope.order);
        if order.open == 0 {
            order.last = order.previous();
            order.returned.clear();
        }
        order.open += 1;
        Self(Arc::clone(scope))
    }

    /// The call returns: what called it goes on at once, up to its next call.
    pub(super) fn returned(self, key: impl Into<Arc<str>>) {
        let key: Arc<str> = key.into();
        let mut order = lock(&self.0.order);
        order.last = Some(Arc::clone(&key));
        order.returned.push(key);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.0.order).open -= 1;
    }
}

impl Scope {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The path as a row keeps it: none for the root.
    pub(super) fn stored(&self) -> Option<String> {
        (!self.path.is_empty()).then(|| self.path.clone())
    }

    /// What a call that is made now comes after.
    pub(super) fn previous(&self) -> Option<Arc<str>> {
        lock(&self.order).previous()
    }

    /// The same scope for what does not stand in the order of the calls around it: what a task calls, of which a replay makes
    /// the task only, and what is spawned.
    pub(super) fn apart(&self) -> Arc<Self> {
        let order = Order {
            last: self.previous(),
            ..Order::default()
        };
        Arc::new(Self {
            path: self.path.clone(),
            labels: Arc::clone(&self.labels),
            order: Mutex::new(order),
        })
    }

    /// The scope of a call of `name` with this content inside of this one.
    pub(super) fn inner(&self, name: &str, content: Option<Hash>) -> Arc<Self> {
        // What separates parts, and a name from its content, stays that.
        let mut label = name.replace(['/', '('], "_");
        if let Some(content) = content {
            let _ = write!(label, "({})", content.short());
        }
        let count = {
            let mut labels = lock(&self.labels);
            let count = labels.entry(label.clone()).or_default();
            *count += 1;
            *count
        };
        if count > 1 {
            let _ = write!(label, "#{count}");
        }
        let path = match self.path.as_str() {
            "" => label,
            outer => format!("{outer}/{label}"),
        };
        Arc::new(Self {
            path,
            ..Self::default()
        })
    }
}

/// A scope's path without the contents of its parts: `review/map`. Two that are equal in this differ in what they work on.
pub(crate) fn names(path: &str) -> String {
    let label = |label: &str| label.split('(').next().unwrap_or(label).to_owned();
    path.split('/').map(label).collect::<Vec<_>>().join("/")
}

/// The content of a `map`'s item, if it can be written as JSON; without, branches are told apart by their count.
pub(super) fn content_of(item: &impl Serialize) -> Option<Hash> {
    let json = serde_json::to_value(item).ok()?;
    Some(Hash::of("item", &json))
}

/// While it lives, what the journal holds of a scope is kept for it.
#[derive(Debug)]
pub(super) struct Inside {
    journal: Option<Arc<Journal>>,
    scope: Arc<Scope>,
}

impl Inside {
    pub(super) fn new(journal: Option<Arc<Journal>>, scope: Arc<Scope>) -> Self {
        if let Some(journal) = &journal {
            journal.enter(scope.path());
        }
        Self { journal, scope }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(journal) = &self.journal {
            journal.leave(self.scope.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scopes_beside_each_other_are_counted_and_others_are_not() {
        let root = Scope::default();
        let content = content_of(&"x");
        let first = root.inner("map", content);
        let label = first.path().to_owned();
        assert!(label.starts_with("map(") && label.ends_with(')'), "{label}");
        assert_eq!(root.inner("map", content).path(), format!("{label}#2"));
        assert_eq!(
            first.inner("map", content).path(),
            format!("{label}/{label}")
        );
        assert_ne!(root.inner("map", content_of(&"y")).path(), label);
        assert_eq!(root.inner("a/b(c", None).path(), "a_b_c");
        assert_eq!(
            names(root.inner("a", content).inner("b", None).path()),
            "a/b"
        );
        assert_eq!((root.stored(), first.stored()), (None, Some(label)));
    }

    #[test]
    fn a_call_comes_after_all_that_were_beside_each_other_in_any_order() {
        let joined = |first: &str, second: &str| {
            let scope = Arc::new(Scope::default());
            Open::new(&scope).returned("before");
            let before = scope.previous();
            let open: HashMap<_, _> = ["a", "b"].map(|key| (key, Open::new(&scope))).into();
            assert_eq!(scope.previous(), before, "nothing has returned yet");
            let mut open = open;
            open.remove(first).unwrap().returned(first);
            assert_eq!(scope.previous().as_deref(), Some(first), "in its branch");
            open.remove(second).unwrap().returned(second);
            scope.previous()
        };
        assert_eq!(joined("a", "b"), joined("b", "a"));
        assert!(joined("a", "b").is_some_and(|previous| previous.len() == 64));
    }

    #[test]
    fn what_a_task_calls_does_not_stand_in_the_order_around_it() {
        let scope = Arc::new(Scope::default());
        Open::new(&scope).returned("before");
        let task = Open::new(&scope);
        let inside = scope.apart();
        assert_eq!(inside.previous().as_deref(), Some("before"));
        Open::new(&inside).returned("inside");
        assert_eq!(inside.previous().as_deref(), Some("inside"));
        task.returned("task");
        assert_eq!(scope.previous().as_deref(), Some("task"));

        scope.inner("map", None);
        assert_eq!(scope.apart().inner("map", None).path(), "map#2");
    }

    #[test]
    fn a_call_that_was_given_up_is_nothing_to_come_after() {
        let scope = Arc::new(Scope::default());
        Open::new(&scope).returned("a");
        drop(Open::new(&scope));
        assert_eq!(scope.previous().as_deref(), Some("a"));
    }
}
