//! The names that a template defines itself.

/// Names in scope, the innermost scope last.
#[derive(Default)]
pub(super) struct Scopes<'w> {
    outermost: Vec<&'w str>,
    inner: Vec<Vec<&'w str>>,
}

impl<'w> Scopes<'w> {
    pub(super) fn push(&mut self) {
        self.inner.push(Vec::new());
    }

    pub(super) fn pop(&mut self) {
        self.inner.pop();
    }

    pub(super) fn define(&mut self, name: &'w str) {
        self.inner
            .last_mut()
            .unwrap_or(&mut self.outermost)
            .push(name);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|defined| defined == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'w str> {
        self.outermost
            .iter()
            .chain(self.inner.iter().flatten())
            .copied()
    }
}
