//! What the steps of the tests act on: a model and an outside, both of which remember what was asked of them, fail what they
//! are told to, and hold what they are told to hold.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::llm::{LlmBackend, LlmRequest, LlmResponse};
use flow_engine::prelude::*;
use flow_engine::{BoxFuture, LlmError, LlmErrorKind};
use serde_json::Value;
use tokio::sync::watch;

/// A model and an outside.
#[derive(Clone)]
pub(crate) struct World(Arc<watch::Sender<Seen>>);

/// What the world has seen, and how it behaves.
#[derive(Default, Clone)]
pub(crate) struct Seen {
    /// Requests to the model: `question @ model`.
    pub(crate) asked: Vec<String>,
    /// Executions of tasks, by their text.
    pub(crate) done: Vec<String>,
    failing: BTreeSet<String>,
    failing_once: BTreeSet<String>,
    held: BTreeSet<String>,
    flags: BTreeSet<String>,
}

impl Default for World {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Seen::default())))
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl World {
    /// The requests to the model so far: `question @ model`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.borrow().asked.clone()
    }

    /// The tasks executed so far.
    pub(crate) fn done(&self) -> Vec<String> {
        self.0.borrow().done.clone()
    }

    /// Forgets what it has seen.
    pub(crate) fn forget(&self) {
        self.0.send_modify(|seen| {
            seen.asked.clear();
            seen.done.clear();
        });
    }

    /// Lets these texts fail from now on, and no others.
    pub(crate) fn fail(&self, texts: &[&str]) {
        self.0
            .send_modify(|seen| seen.failing = texts.iter().map(ToString::to_string).collect());
    }

    /// Lets this text fail the next time.
    pub(crate) fn fail_once(&self, text: &str) {
        self.0.send_modify(|seen| {
            seen.failing_once.insert(text.to_owned());
        });
    }

    /// Holds these texts from now on, and no others.
    pub(crate) fn hold(&self, texts: &[&str]) {
        self.0
            .send_modify(|seen| seen.held = texts.iter().map(ToString::to_string).collect());
    }

    /// Turns a switch on: what a flow does differently since its code was edited.
    pub(crate) fn edit(&self, flag: &str) {
        self.0.send_modify(|seen| {
            seen.flags.insert(flag.to_owned());
        });
    }

    pub(crate) fn is_edited(&self, flag: &str) -> bool {
        self.0.borrow().flags.contains(flag)
    }

    /// A text in the code of a flow, which an edit has made another one.
    pub(crate) fn text(&self, flag: &str, before: &str, after: &str) -> String {
        if self.is_edited(flag) { after } else { before }.to_owned()
    }

    /// Waits for a condition; one that never holds fails the test.
    pub(crate) async fn until(&self, condition: impl Fn(&Seen) -> bool) {
        let mut changes = self.0.subscribe();
        let met = tokio::time::timeout(Duration::from_secs(30), changes.wait_for(condition));
        met.await.expect("the condition is met").unwrap();
    }

    /// Executes a task.
    pub(crate) async fn act(&self, text: &str) -> Result<()> {
        self.0.send_modify(|seen| seen.done.push(text.to_owned()));
        if self.fails(text).await {
            return Err(format!("{text} is down").into());
        }
        Ok(())
    }

    /// Waits until the text is not held; whether it is to fail then.
    async fn fails(&self, text: &str) -> bool {
        let mut changes = self.0.subscribe();
        let _ = changes.wait_for(|seen| !seen.held.contains(text)).await;
        let mut fails = false;
        self.0.send_modify(|seen| {
            fails = seen.failing.contains(text) || seen.failing_once.remove(text);
        });
        fails
    }
}

impl LlmBackend for World {
    fn provider(&self) -> &'static str {
        "world"
    }

    fn parse(&self, raw: &str) -> Result<LlmResponse, LlmError> {
        Ok(LlmResponse::text(raw))
    }

    /// The answer tells the question, the model and which of the requests it was: no two are equal.
    fn send<'a>(
        &'a self,
        request: &'a LlmRequest,
        _body: &'a Value,
    ) -> BoxFuture<'a, Result<LlmResponse, LlmError>> {
        Box::pin(async move {
            let question = request.messages.last().unwrap().content.trim();
            let mut number = 0;
            self.0.send_modify(|seen| {
                seen.asked.push(format!("{question} @ {}", request.model));
                number = seen.asked.len();
            });
            if self.fails(question).await {
                return Err(LlmError::new(LlmErrorKind::Transient, "the server is down"));
            }
            let answer = format!("{question} by {} #{number}", request.model);
            Ok(LlmResponse::text(answer).with_usage(10, 5))
        })
    }
}
