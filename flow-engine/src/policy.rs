//! What a model step does when a request fails, or when its answer cannot be used.

use std::time::Duration;

use serde_json::{Value, json};

/// What a model step does when a request fails, or when its answer cannot be used.
///
/// [`EngineBuilder::policy`](crate::EngineBuilder::policy) sets it for all steps; the options of `#[step]` change it for one.
///
/// ```
/// use std::time::Duration;
/// use flow_engine::{OnRefusal, Policy};
///
/// let policy = Policy::default()
///     .retries(4)
///     .attempt_timeout(Duration::from_secs(60))
///     .on_refusal(OnRefusal::Fallback)
///     .fallback(["gpt-5-mini", "mistral/mistral-small-latest"]);
/// # let _ = policy;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) retries: u32,
    pub(crate) first_wait: Duration,
    pub(crate) longest_wait: Duration,
    pub(crate) rate_limit_wait: Duration,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_truncate: OnTruncate,
    pub(crate) on_invalid: u32,
    pub(crate) on_refusal: OnRefusal,
    pub(crate) fallback: Vec<String>,
}

/// What becomes of an answer that was cut at the output limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnTruncate {
    /// The step fails with [`LlmErrorKind::Truncated`](crate::llm::LlmErrorKind::Truncated) and the text as far as it came.
    Fail,
    /// The model is asked once more with twice the limit, or the longest answer that the model is known to give. Without a
    /// `max_output_tokens`, or with that one already, the step fails.
    Grow,
}

/// What becomes of a request that the model refused, or the provider's filter stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnRefusal {
    /// The step fails.
    Fail,
    /// The next of the fallback models is asked.
    Fallback,
}

impl Default for Policy {
    /// Two retries, one re-ask, no fallback.
    fn default() -> Self {
        Self {
            retries: 2,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_mins(1),
            rate_limit_wait: Duration::from_mins(10),
            attempt_timeout: None,
            timeout: None,
            on_truncate: OnTruncate::Fail,
            on_invalid: 1,
            on_refusal: OnRefusal::Fail,
            fallback: Vec::new(),
        }
    }
}

impl Policy {
    /// One request for each step, whatever becomes of it; a rate limit fails it, too.
    pub fn once() -> Self {
        Self {
            retries: 0,
            on_invalid: 0,
            rate_limit_wait: Duration::ZERO,
            ..Self::default()
        }
    }

    /// How often a request is sent again that failed for now: a broken connection, a server's error, a timeout. 2 if this is not
    /// called.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long to wait before the first retry; it doubles with each, up to the longest, and two fifths of it are chance. 500 ms and
    /// a minute if this is not called. A server that asks to wait (`Retry-After`) is obeyed, up to the longest wait.
    pub fn waits(mut self, first: Duration, longest: Duration) -> Self {
        (self.first_wait, self.longest_wait) = (first, longest);
        self
    }

    /// How long a step without a timeout waits, in all, for a server that asks to slow down (HTTP 429). That is no failure, so
    /// retries are not counted; the timeout of a step that has one is its only bound. A server that asks for more than what is left
    /// of it fails the step at once; so does no time at all, also a step with a timeout. Where another model can be asked in its
    /// place, a step with a timeout waits no longer than this either, and not for what comes after its timeout. 10 minutes if this
    /// is not called.
    pub fn rate_limit_wait(mut self, longest: Duration) -> Self {
        self.rate_limit_wait = longest;
        self
    }

    /// How long one request may take, until the answer's last byte. The backend's own limit if this is not called.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// How long a step may take, with all its requests and waits. No limit if this is not called.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// What becomes of an answer that was cut at the output limit; the step fails if this is not called.
    pub fn on_truncate(mut self, on_truncate: OnTruncate) -> Self {
        self.on_truncate = on_truncate;
        self
    }

    /// How often a model whose answer does not fit the step's output is told so, and asked again. Once if this is not called.
    pub fn on_invalid(mut self, reasks: u32) -> Self {
        self.on_invalid = reasks;
        self
    }

    /// What becomes of a refusal; the step fails if this is not called.
    pub fn on_refusal(mut self, on_refusal: OnRefusal) -> Self {
        self.on_refusal = on_refusal;
        self
    }

    /// The models to ask in the place of one that failed for good, in this order. Of another provider: `provider/model`. Only
    /// those of another provider stand in where a key was refused, or its quota is used up; none does where a server says
    /// that the request is wrong.
    pub fn fallback(mut self, models: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.fallback = models.into_iter().map(Into::into).collect();
        self
    }

    /// As a step's row keeps it; times in milliseconds.
    pub(crate) fn to_json(&self) -> Value {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        json!({
            "retries": self.retries,
            "first_wait_ms": milliseconds(self.first_wait),
            "longest_wait_ms": milliseconds(self.longest_wait),
            "rate_limit_wait_ms": milliseconds(self.rate_limit_wait),
            "attempt_timeout_ms": self.attempt_timeout.map(milliseconds),
            "timeout_ms": self.timeout.map(milliseconds),
            "on_truncate": match self.on_truncate {
                OnTruncate::Fail => "fail",
                OnTruncate::Grow => "grow",
            },
            "on_invalid": self.on_invalid,
            "on_refusal": match self.on_refusal {
                OnRefusal::Fail => "fail",
                OnRefusal::Fallback => "fallback",
            },
            "fallback": self.fallback,
        })
    }

    /// As the options of a step change it.
    pub(crate) fn of(&self, step: &StepPolicy) -> Self {
        let duration = |milliseconds: Option<u64>| milliseconds.map(Duration::from_millis);
        Self {
            retries: step.retries.unwrap_or(self.retries),
            attempt_timeout: duration(step.attempt_timeout).or(self.attempt_timeout),
            timeout: duration(step.timeout).or(self.timeout),
            on_truncate: step.on_truncate.unwrap_or(self.on_truncate),
            on_invalid: step.on_invalid.unwrap_or(self.on_invalid),
            on_refusal: step.on_refusal.unwrap_or(self.on_refusal),
            fallback: match step.fallback {
                Some(models) => models.iter().copied().map(str::to_owned).collect(),
                None => self.fallback.clone(),
            },
            ..*self
        }
    }
}

/// The options of one step. Times are in milliseconds.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct StepPolicy {
    pub retries: Option<u32>,
    pub timeout: Option<u64>,
    pub attempt_timeout: Option<u64>,
    pub on_truncate: Option<OnTruncate>,
    pub on_invalid: Option<u32>,
    pub on_refusal: Option<OnRefusal>,
    pub fallback: Option<&'static [&'static str]>,
}

impl StepPolicy {
    pub const NONE: Self = Self {
        retries: None,
        timeout: None,
        attempt_timeout: None,
        on_truncate: None,
        on_invalid: None,
        on_refusal: None,
        fallback: None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_changes_what_it_names_and_keeps_the_rest() {
        let engine = Policy::default().retries(5).fallback(["small"]);
        let step = StepPolicy {
            timeout: Some(1500),
            on_invalid: Some(0),
            ..StepPolicy::NONE
        };
        let effective = engine.of(&step);
        assert_eq!(effective.timeout, Some(Duration::from_millis(1500)));
        assert_eq!(
            effective,
            engine.on_invalid(0).timeout(Duration::from_millis(1500))
        );
    }

    #[test]
    fn a_step_can_do_without_the_fallback_of_its_engine() {
        let step = StepPolicy {
            fallback: Some(&[]),
            ..StepPolicy::NONE
        };
        assert!(
            Policy::default()
                .fallback(["small"])
                .of(&step)
                .fallback
                .is_empty()
        );
    }
}
