//! [`Commit`]: the answer to a submitted unit.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use crate::StoreError;

/// Resolves when a submitted unit is on disk, or has failed.
///
/// It need not be waited for: dropping it takes nothing back, and a failure that nobody waits for
/// is logged. It runs on any executor.
pub struct Commit(State);

enum State {
    Ready(Result<(), StoreError>),
    Waiting(oneshot::Receiver<Result<(), StoreError>>),
    Taken,
}

impl Commit {
    /// A commit that is decided already: for stores that do not queue.
    pub fn ready(result: Result<(), StoreError>) -> Self {
        Self(State::Ready(result))
    }

    /// Blocks its thread until it is decided.
    pub(crate) fn wait(mut self) -> Result<(), StoreError> {
        match std::mem::replace(&mut self.0, State::Taken) {
            State::Ready(result) => result,
            State::Waiting(receiver) => receiver
                .blocking_recv()
                .unwrap_or(Err(StoreError::WriterFailed)),
            State::Taken => Ok(()),
        }
    }

    /// A commit and the end that decides it.
    pub(crate) fn pending() -> (Acknowledge, Self) {
        let (sender, receiver) = oneshot::channel();
        (Acknowledge(sender), Self(State::Waiting(receiver)))
    }
}

impl Future for Commit {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match std::mem::replace(&mut self.0, State::Taken) {
            State::Ready(result) => result,
            State::Waiting(mut receiver) => match Pin::new(&mut receiver).poll(context) {
                // The writer drops its end only when it panics.
                Poll::Ready(answer) => answer.unwrap_or(Err(StoreError::WriterFailed)),
                Poll::Pending => {
                    self.0 = State::Waiting(receiver);
                    return Poll::Pending;
                }
            },
            State::Taken => panic!("`Commit` polled after completion"),
        };
        Poll::Ready(result)
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.0, State::Taken) {
            State::Ready(result) => log_unseen(result),
            State::Waiting(mut receiver) => {
                // Closed first: an answer that comes later finds nobody, and is logged by the
                // writer.
                receiver.close();
                if let Ok(result) = receiver.try_recv() {
                    log_unseen(result);
                }
            }
            State::Taken => {}
        }
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").finish_non_exhaustive()
    }
}

/// The writer's end of a [`Commit`].
#[derive(Debug)]
pub(crate) struct Acknowledge(oneshot::Sender<Result<(), StoreError>>);

impl Acknowledge {
    pub(crate) fn send(self, result: Result<(), StoreError>) {
        if let Err(unseen) = self.0.send(result) {
            log_unseen(unseen);
        }
    }
}

/// An error that nobody is left to see goes to the log.
pub(crate) fn log_unseen<T>(result: Result<T, StoreError>) {
    if let Err(error) = result {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a write that nobody waits for failed: {error}"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tracing::{Event, Level, Metadata, Subscriber, span};

    use super::*;

    #[derive(Clone, Default)]
    struct Errors(Arc<AtomicUsize>);

    impl Subscriber for Errors {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() == Level::ERROR
        }
        fn event(&self, _event: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
        fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
        fn enter(&self, _span: &span::Id) {}
        fn exit(&self, _span: &span::Id) {}
    }

    fn logged(body: impl FnOnce()) -> usize {
        let errors = Errors::default();
        tracing::subscriber::with_default(errors.clone(), body);
        errors.0.load(Ordering::Relaxed)
    }

    #[test]
    fn a_failure_nobody_waits_for_is_logged_whenever_it_comes() {
        let late = logged(|| {
            let (acknowledge, commit) = Commit::pending();
            drop(commit);
            acknowledge.send(Err(StoreError::Closed));
        });
        let early = logged(|| {
            let (acknowledge, commit) = Commit::pending();
            acknowledge.send(Err(StoreError::Closed));
            drop(commit);
        });
        let at_once = logged(|| drop(Commit::ready(Err(StoreError::Closed))));
        assert_eq!((late, early, at_once), (1, 1, 1));
    }

    #[tokio::test]
    async fn a_failure_that_is_waited_for_is_returned_and_not_logged() {
        let (acknowledge, mut commit) = Commit::pending();
        let errors = logged(|| acknowledge.send(Err(StoreError::Closed)));
        assert!((&mut commit).await.unwrap_err().is_closed());
        assert_eq!(errors + logged(|| drop(commit)), 0);
    }

    #[tokio::test]
    async fn a_writer_that_breaks_off_is_an_error() {
        let (acknowledge, commit) = Commit::pending();
        drop(acknowledge);
        assert!(matches!(commit.await, Err(StoreError::WriterFailed)));
    }
}
