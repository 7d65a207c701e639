//! The model of both programs.

use std::sync::atomic::{AtomicUsize, Ordering};

use flow_engine::Engine;
use flow_engine::llm::{LlmError, LlmErrorKind, LlmResponse, MockBackend};

/// What each answer is counted as.
pub(crate) const TOKENS: (u64, u64) = (10, 5);

/// A step's answer, as text; the answers to its requests one after another, if there are several lines.
pub(crate) type Answer = (&'static str, &'static str);

/// A step whose answer this is gets none.
pub(crate) const DOWN: &str = "(the server is down)";

/// Answers a step with what is given for it, and else with the last message in brackets.
pub(crate) fn model(answers: &[Answer]) -> MockBackend {
    Engine::steps()
        .into_iter()
        .filter(|step| step.prompt().is_some())
        .fold(MockBackend::new(), |mock, step| {
            let given = answers.iter().find(|(name, _)| *name == step.name());
            let given: Option<Vec<_>> = given.map(|(_, answer)| answer.lines().collect());
            let asked_before = AtomicUsize::new(0);
            mock.on(step.name(), move |request| {
                let asked = request.messages.last().map_or("", |last| &last.content);
                let nth = asked_before.fetch_add(1, Ordering::Relaxed);
                let answer = match &given {
                    Some(answers) => answers[nth.min(answers.len() - 1)].to_owned(),
                    None => format!("[{}]", asked.trim()),
                };
                if answer == DOWN {
                    return Err(LlmError::new(LlmErrorKind::Transient, "the server is down"));
                }
                Ok(LlmResponse::text(answer).with_usage(TOKENS.0, TOKENS.1))
            })
        })
}
