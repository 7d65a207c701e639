//! How much is asked of a model at a time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LlmRequest;

/// How many letters a token has in English, about: what a request will come to is known only afterwards.
const LETTERS_PER_TOKEN: usize = 4;

/// How much may be asked of a model: [`EngineBuilder::limit`](crate::EngineBuilder::limit). A step over it waits; its timeout
/// goes on.
///
/// ```
/// use flow_engine::llm::Limit;
///
/// let limit = Limit::default().concurrency(8).requests_per_minute(500).tokens_per_minute(200_000);
/// # let _ = limit;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    concurrency: Option<usize>,
    requests_per_minute: Option<NonZeroU32>,
    tokens_per_minute: Option<NonZeroU32>,
}

impl Limit {
    /// The most requests that are on their way at a time; at least 1.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = Some(requests.clamp(1, Semaphore::MAX_PERMITS));
        self
    }

    /// The most requests in a minute; at least 1. They are spread over it evenly.
    pub fn requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = NonZeroU32::new(requests.max(1));
        self
    }

    /// The most tokens in a minute, of requests and answers together; at least 1. A request counts as a token for each four
    /// letters, its answer as `max_output_tokens`, since the true numbers come with the answer.
    pub fn tokens_per_minute(mut self, tokens: u32) -> Self {
        self.tokens_per_minute = NonZeroU32::new(tokens.max(1));
        self
    }
}

/// The limits of an engine, by the names under which models are asked for.
#[derive(Debug, Default)]
pub(crate) struct Limits(HashMap<String, Gate>);

#[derive(Debug)]
struct Gate {
    slots: Option<Arc<Semaphore>>,
    requests: Option<DefaultDirectRateLimiter>,
    tokens: Option<(DefaultDirectRateLimiter, NonZeroU32)>,
}

impl Limits {
    pub(crate) fn insert(&mut self, model: String, limit: Limit) {
        let gate = Gate {
            slots: limit
                .concurrency
                .map(|slots| Arc::new(Semaphore::new(slots))),
            // One at a time, so that a minute's worth does not go out in its first second.
            requests: limit.requests_per_minute.map(|requests| {
                RateLimiter::direct(Quota::per_minute(requests).allow_burst(NonZeroU32::MIN))
            }),
            tokens: limit
                .tokens_per_minute
                .map(|tokens| (RateLimiter::direct(Quota::per_minute(tokens)), tokens)),
        };
        self.0.insert(model, gate);
    }

    /// Whether there is a limit of that name.
    pub(crate) fn has(&self, model: &str) -> bool {
        self.0.contains_key(model)
    }

    /// Waits until a request may be sent. While the pass is kept it is on its way.
    pub(crate) async fn pass(&self, model: &str, request: &LlmRequest) -> Pass {
        let Some(gate) = self.0.get(model) else {
            return Pass { _slot: None };
        };
        let slot = match &gate.slots {
            // Nobody closes it.
            Some(slots) => Arc::clone(slots).acquire_owned().await.ok(),
            None => None,
        };
        if let Some(requests) = &gate.requests {
            requests.until_ready().await;
        }
        if let Some((tokens, most)) = &gate.tokens {
            // What is more than a minute's worth waits for all of it.
            let wanted = expected_tokens(request).min(*most);
            // It cannot be more than there can be.
            let _ = tokens.until_n_ready(wanted).await;
        }
        Pass { _slot: slot }
    }
}

/// The right to have a request on its way.
#[derive(Debug)]
pub(crate) struct Pass {
    _slot: Option<OwnedSemaphorePermit>,
}

fn expected_tokens(request: &LlmRequest) -> NonZeroU32 {
    let letters: usize = request
        .messages
        .iter()
        .map(|message| message.content.len())
        .sum();
    let input = u32::try_from(letters / LETTERS_PER_TOKEN).unwrap_or(u32::MAX);
    let output = request.parameters.max_output_tokens.unwrap_or(0);
    NonZeroU32::new(input.saturating_add(output)).unwrap_or(NonZeroU32::MIN)
}
