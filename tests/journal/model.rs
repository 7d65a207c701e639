//! A model whose answers a test can hold back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_engine::BoxFuture;
use flow_engine::llm::{LlmBackend, LlmError, LlmErrorKind, LlmRequest, LlmResponse};
use tokio::sync::watch;

/// A model whose answer tells the question and which request it was: no two answers are equal.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<String>,
    failing: Vec<String>,
    held: Vec<String>,
    hold_after: Option<usize>,
    held_numbers: Vec<usize>,
    failing_numbers: Vec<usize>,
    answered: usize,
    waiting: usize,
    seed: Option<u64>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Model {
    /// The questions asked so far, in order; those of `refine` in brackets.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// The questions asked after the first `count`, sorted.
    pub(crate) fn asked_since(&self, count: usize) -> Vec<String> {
        let mut asked = self.asked().split_off(count);
        asked.sort();
        asked
    }

    /// Waits until all of these questions were asked.
    pub(crate) async fn was_asked(&self, questions: &[&str]) {
        self.until(|asked| {
            questions
                .iter()
                .all(|question| asked.iter().any(|asked| asked == question))
        })
        .await;
    }

    /// Waits until this holds of the questions.
    pub(crate) async fn until(&self, is: impl Fn(&[String]) -> bool) {
        let mut changed = self.changed.subscribe();
        while !is(&self.asked()) {
            changed.changed().await.unwrap();
        }
    }

    /// Lets these questions fail from now on, and no others.
    pub(crate) fn fail(&self, questions: &[&str]) {
        self.change(|state| state.failing = strings(questions));
    }

    /// Answers these questions no more, until others are held.
    pub(crate) fn hold(&self, questions: &[&str]) {
        self.change(|state| state.held = strings(questions));
    }

    /// Answers these requests no more, by number: the first one is 1.
    pub(crate) fn hold_numbers(&self, numbers: &[usize]) {
        self.change(|state| state.held_numbers = numbers.to_vec());
    }

    /// Lets these requests fail, by number.
    pub(crate) fn fail_numbers(&self, numbers: &[usize]) {
        self.change(|state| state.failing_numbers = numbers.to_vec());
    }

    /// Answers so many requests from now on, and no more; all, if there is no number.
    pub(crate) fn hold_after(&self, requests: Option<usize>) {
        self.change(|state| {
            state.hold_after = requests.map(|requests| state.answered + requests);
            state.waiting = 0;
        });
    }

    /// Waits until a request is held back, and what was answered has had the time to be written.
    pub(crate) async fn is_holding(&self) {
        let mut changed = self.changed.subscribe();
        while self.state.lock().unwrap().waiting == 0 {
            changed.changed().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    /// Answers in a random order.
    pub(crate) fn shuffle(&self, seed: u64) {
        self.change(|state| state.seed = Some(seed.wrapping_mul(7919) + 1));
    }

    fn may_answer(&self, question: &str, number: usize, has_waited: &mut bool) -> bool {
        let mut state = self.state.lock().unwrap();
        let is_over = state
            .hold_after
            .is_some_and(|count| state.answered >= count);
        let is_held =
            state.held.iter().any(|held| held == question) || state.held_numbers.contains(&number);
        if !is_over && !is_held {
            state.answered += 1;
            return true;
        }
        if !std::mem::replace(has_waited, true) {
            state.waiting += 1;
            drop(state);
            self.changed.send_replace(());
        }
        false
    }

    fn fails(&self, question: &str, number: usize) -> bool {
        let state = self.state.lock().unwrap();
        state.failing.iter().any(|failing| failing == question)
            || state.failing_numbers.contains(&number)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.send_replace(());
    }
}

fn strings(questions: &[&str]) -> Vec<String> {
    questions.iter().map(ToString::to_string).collect()
}

impl LlmBackend for Model {
    fn provider(&self) -> &'static str {
        "lab"
    }

    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        _body: &'a serde_json::Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let mut question = request.messages.last().unwrap().content.trim().to_owned();
            if request.step == "refine" {
                question = format!("[{question}]");
            }
            let mut changed = self.changed.subscribe();
            let (mut number, mut turns) = (0, 0);
            self.change(|state| {
                state.asked.push(question.clone());
                number = state.asked.len();
                if let Some(seed) = &mut state.seed {
                    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    turns = (*seed >> 33) % 30;
                }
            });
            // Some at once, others after their neighbours have gone on.
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            if turns % 2 == 1 {
                tokio::time::sleep(Duration::from_millis(turns)).await;
            }
            let mut has_waited = false;
            while !self.may_answer(&question, number, &mut has_waited) {
                changed.changed().await.unwrap();
            }
            if self.fails(&question, number) {
                let message = format!("no answer to {question}");
                return Err(LlmError::new(LlmErrorKind::Transient, message));
            }
            Ok(LlmResponse::text(format!("{question} #{number}")).with_usage(10, 5))
        })
    }
}
