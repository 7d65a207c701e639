//! Where in its root run a call is made: inside which sub-flow calls and `map` branches.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde::Serialize;

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
    /// The key of the call that returned last.
    returned: Mutex<Option<Arc<str>>>,
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
        lock(&self.returned).clone()
    }

    /// A call returns: what called it goes on at once, up to its next call.
    pub(super) fn returned(&self, key: impl Into<Arc<str>>) {
        *lock(&self.returned) = Some(key.into());
    }

    /// The same scope for what does not stand in the order of the calls around it: what a task calls, of which a replay makes
    /// the task only, and what is spawned.
    pub(super) fn apart(&self) -> Arc<Self> {
        Arc::new(Self {
            path: self.path.clone(),
            labels: Arc::clone(&self.labels),
            returned: Mutex::new(self.previous()),
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
    fn what_a_task_calls_does_not_stand_in_the_order_around_it() {
        let scope = Scope::default();
        scope.returned("before");
        let inside = scope.apart();
        assert_eq!(inside.previous().as_deref(), Some("before"));
        inside.returned("inside");
        assert_eq!(inside.previous().as_deref(), Some("inside"));
        assert_eq!(scope.previous().as_deref(), Some("before"));

        scope.inner("map", None);
        assert_eq!(scope.apart().inner("map", None).path(), "map#2");
    }
}
