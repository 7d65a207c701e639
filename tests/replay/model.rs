//! A model whose answers the test holds back, and lets go in the order it likes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use flow_engine::llm::{LlmBackend, LlmError, LlmRequest, LlmResponse};
use flow_engine::BoxFuture;
use flow_engine::json;
use serde_json::Value;
use tokio::sync::oneshot;

/// Shared by all engines of a test, as the provider's server would be; it runs the tasks, too.
#[derive(Clone)]
pub(crate) struct Model(Arc<Mutex<State>>);

struct State {
    unique: bool,
    held_back: bool,
    waiting: Vec<(u64, String, oneshot::Sender<()>)>,
    counts: Counts,
}

/// What the model was asked so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    /// Answers that the engine received.
    pub(crate) answered: u64,
    /// Requests that were dropped before.
    pub(crate) dropped: u64,
    pub(crate) notes: u64,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Model").field(&self.counts()).finish()
    }
}

impl Model {
    /// If `unique`, no two answers are equal; else the answer is a function of the question.
    pub(crate) fn new(unique: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            unique,
            held_back: true,
            waiting: Vec::new(),
            counts: Counts::default(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Whether answers wait to be released.
    pub(crate) fn hold_back(&self, held_back: bool) {
        self.state().held_back = held_back;
    }

    /// How many requests wait for their answer.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Lets the answer to one of the waiting requests go.
    pub(crate) fn release(&self, index: usize) {
        let mut state = self.state();
        // Known by the question, and not by the order of arrival.
        state.waiting.sort_by(|one, other| (&one.1, one.0).cmp(&(&other.1, other.0)));
        let (_, _, answer) = state.waiting.remove(index);
        drop(state);
        let _ = answer.send(());
    }

    /// What the task gives.
    pub(crate) fn note(&self, text: &str) -> String {
        let mut state = self.state();
        state.counts.notes += 1;
        let number = state.counts.notes;
        match state.unique {
            true => format!("{text} noted {number}"),
            false => format!("{text} noted"),
        }
    }
}

/// A request on its way. Dropped before its end, it was broken off.
struct InFlight<'a> {
    model: &'a Model,
    number: u64,
    answered: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut state = self.model.state();
        match self.answered {
            true => state.counts.answered += 1,
            false => state.counts.dropped += 1,
        }
        state.waiting.retain(|(number, ..)| *number != self.number);
    }
}

impl LlmBackend for Model {
    fn provider(&self) -> &'static str {
        "held"
    }

    fn parse(&self, raw: &str) -> Result<LlmResponse, LlmError> {
        Ok(LlmResponse::text(raw))
    }

    fn body(&self, request: &LlmRequest) -> Result<Value, LlmError> {
        Ok(json!(request.messages))
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        _body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let question = request.messages.last().unwrap().content.trim().to_owned();
            let (released, wait) = oneshot::channel();
            let (mut flight, held_back, unique) = {
                let mut state = self.state();
                state.counts.sent += 1;
                let number = state.counts.sent;
                if state.held_back {
                    state.waiting.push((number, question.clone(), released));
                }
                let flight = InFlight { model: self, number, answered: false };
                (flight, state.held_back, state.unique)
            };
            if held_back {
                wait.await.expect("the answer is released");
            }
            flight.answered = true;
            let number = flight.number;
            let answer = match unique {
                true => format!("{question} #{number}"),
                false => format!("{question} answered"),
            };
            Ok(LlmResponse::text(answer).with_usage(question.len() as u64, number % 7))
        })
    }
}
