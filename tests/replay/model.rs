//! A model whose answers the test holds back, and lets go in the order it likes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use flow_engine::BoxFuture;
use flow_engine::json;
use flow_engine::llm::{LlmBackend, LlmError, LlmRequest, LlmResponse};
use serde_json::Value;
use tokio::sync::oneshot;

/// Shared by all engines of a test, as the provider's server would be; it runs the tasks, too.
#[derive(Clone)]
pub(crate) struct Model(Arc<Mutex<State>>);

struct State {
    unique: bool,
    /// Questions that hold this wait for their answer; none if there is none.
    held_back: Option<&'static str>,
    waiting: Vec<(u64, String, oneshot::Sender<()>)>,
    counts: Counts,
    sent: Vec<String>,
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
            held_back: Some(""),
            waiting: Vec::new(),
            counts: Counts::default(),
            sent: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// All questions, in the order in which they were sent.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.state().sent.clone()
    }

    /// Whether answers wait to be released. Those that do already are released with the others.
    pub(crate) fn hold_back(&self, held_back: bool) {
        let mut state = self.state();
        state.held_back = held_back.then_some("");
        if !held_back {
            for (.., answer) in state.waiting.drain(..) {
                let _ = answer.send(());
            }
        }
    }

    /// Answers at once, but for questions that hold this.
    pub(crate) fn hold_back_only(&self, part: &'static str) {
        self.state().held_back = Some(part);
    }

    /// Whether this question waits for its answer.
    pub(crate) fn waits(&self, question: &str) -> bool {
        self.state()
            .waiting
            .iter()
            .any(|(_, waiting, _)| waiting == question)
    }

    /// Lets the answer to a waiting question go.
    pub(crate) fn answer(&self, question: &str) {
        let mut state = self.state();
        let index = state
            .waiting
            .iter()
            .position(|(_, waiting, _)| waiting == question);
        let (.., answer) = state.waiting.remove(index.expect("it waits"));
        drop(state);
        let _ = answer.send(());
    }

    /// How many requests wait for their answer.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Lets the answer to one of the waiting requests go.
    pub(crate) fn release(&self, index: usize) {
        let mut state = self.state();
        // Known by the question, and not by the order of arrival.
        state
            .waiting
            .sort_by(|one, other| (&one.1, one.0).cmp(&(&other.1, other.0)));
        let (_, _, answer) = state.waiting.remove(index);
        drop(state);
        let _ = answer.send(());
    }

    /// What the task gives.
    pub(crate) fn note(&self, text: &str) -> String {
        let mut state = self.state();
        state.counts.notes += 1;
        let number = state.counts.notes;
        if state.unique {
            format!("{text} noted {number}")
        } else {
            format!("{text} noted")
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
        if self.answered {
            state.counts.answered += 1;
        } else {
            state.counts.dropped += 1;
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
                state.sent.push(question.clone());
                let number = state.counts.sent;
                let held_back = state.held_back.is_some_and(|part| question.contains(part));
                if held_back {
                    state.waiting.push((number, question.clone(), released));
                }
                let flight = InFlight {
                    model: self,
                    number,
                    answered: false,
                };
                (flight, held_back, state.unique)
            };
            if held_back {
                wait.await.expect("the answer is released");
            }
            flight.answered = true;
            let number = flight.number;
            let answer = if unique {
                format!("{question} #{number}")
            } else {
                format!("{question} answered")
            };
            Ok(LlmResponse::text(answer).with_usage(question.len() as u64, number % 7))
        })
    }
}
