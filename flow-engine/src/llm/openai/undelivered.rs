//! Requests that brought no answer.

use std::time::Duration;

use async_openai::error::OpenAIError;

use super::http::authority;
use crate::llm::{LlmError, LlmErrorKind};

/// The request brought no answer at all.
pub(in crate::llm) fn undelivered(error: &OpenAIError, timeout: Duration) -> LlmError {
    let OpenAIError::Reqwest(cause) = error else {
        return LlmError::new(LlmErrorKind::InvalidRequest, error.to_string());
    };
    broken(cause, timeout)
}

/// The connection failed before the answer was there.
pub(super) fn broken(cause: &reqwest::Error, timeout: Duration) -> LlmError {
    // reqwest's own text leaves out why; its innermost cause says it ("connection refused").
    let mut reason: &dyn std::error::Error = cause;
    while let Some(source) = reason.source() {
        reason = source;
    }
    let at = cause
        .url()
        .map(|url| format!(" at {}", authority(url)))
        .unwrap_or_default();
    let (kind, message) = if cause.is_connect() {
        (
            LlmErrorKind::Transient,
            format!("cannot connect to the model's server{at}: {reason}; check that it runs there"),
        )
    } else if cause.is_timeout() {
        (
            LlmErrorKind::Timeout,
            format!(
                "no answer from the model's server{at} within {timeout:?}; a longer wait can be allowed"
            ),
        )
    } else {
        (
            LlmErrorKind::Transient,
            format!(
                "the connection to the model's server{at} broke before its answer was there: {reason}"
            ),
        )
    };
    let error = LlmError::new(kind, message);
    if cause.is_connect() {
        error.unsent()
    } else {
        error
    }
}
