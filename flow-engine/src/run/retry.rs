//! Trying again what failed: how often a step says, how long to wait is decided here.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use super::Run;
use crate::call::{AnyCall, Code};
use crate::error::{Error, ErrorKind, chain};
use crate::policy::Policy;

/// Waits before the repetition that follows `failures`.
pub(super) async fn wait(policy: &Policy, failures: u32, asked: Option<Duration>) {
    tokio::time::sleep(pause(policy, failures, asked)).await;
}

/// How long to wait before the repetition that follows `failures`: as long as the server asks, or else longer each time, and
/// never as long as others that failed together.
pub(super) fn pause(policy: &Policy, failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = policy
        .first_wait
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    // A server that says "at once" each time would be stormed.
    let asked = asked.filter(|asked| !asked.is_zero());
    let wait = asked.unwrap_or(doubled).min(policy.longest_wait);
    // Without chance, one wave of repetitions follows the other.
    let jitter = getrandom::u32().unwrap_or_default() % 1000;
    // Divided first: the longest wait can be all that a `Duration` holds.
    match asked {
        Some(_) => wait.saturating_add(wait / 10_000 * jitter),
        None => wait / 10 * 6 + wait / 10_000 * (jitter * 4),
    }
}

/// A task that is called again when it fails, as often as it says.
pub(super) fn retried(first: Code, call: Box<dyn AnyCall>, run: Arc<Run>) -> Code {
    let definition = call.definition();
    let retries = definition.policy.retries.unwrap_or(0);
    async move {
        let (mut code, mut failures) = (first, 0);
        loop {
            let error = match code.await {
                Ok(output) => return Ok(output),
                Err(error) => error,
            };
            if failures == retries {
                return Err(error);
            }
            failures += 1;
            tracing::warn!(
                step = definition.name(),
                failures,
                error = chain(error.as_ref()),
                "a task failed and is tried again"
            );
            wait(&run.services.policy, failures, None).await;
            match call.cloned().code(run.states())? {
                Some(again) => code = again,
                None => return Err(error),
            }
        }
    }
    .boxed()
}

/// Ends what takes longer than a step may.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    content: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(limit) = limit else {
        return content.await;
    };
    match tokio::time::timeout(limit, content).await {
        Ok(end) => end,
        Err(_) => Err(Error::new(
            ErrorKind::TimedOut,
            format!("the step took longer than its timeout of {limit:?}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_without_measure_is_no_panic() {
        let policy = Policy::default().waits(Duration::MAX, Duration::MAX);
        assert_eq!(pause(&policy, 1, Some(Duration::MAX)), Duration::MAX);
        assert!(pause(&policy, u32::MAX, None) > Duration::MAX / 2);
    }

    #[test]
    fn to_ask_again_at_once_is_no_wish_that_is_granted() {
        let policy = Policy::default();
        assert!(pause(&policy, 1, Some(Duration::ZERO)) >= Duration::from_millis(300));
        let short = Duration::from_millis(1);
        assert!(pause(&policy, 1, Some(short)) < Duration::from_millis(2));
    }
}
