//! The model of both programs: its answers depend on the request only.

use flow_engine::Engine;
use flow_engine::llm::{LlmError, LlmErrorKind, LlmResponse, MockBackend};

/// What each answer is counted as.
pub(crate) const TOKENS: (u64, u64) = (10, 5);

/// A step's answer, as text.
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
            let given = given.map(|(_, answer)| *answer);
            mock.on(step.name(), move |request| {
                let asked = request.messages.last().map_or("", |last| &last.content);
                let answer = given.map_or_else(|| format!("[{}]", asked.trim()), str::to_owned);
                if answer == DOWN {
                    return Err(LlmError::new(LlmErrorKind::Transient, "the server is down"));
                }
                Ok(LlmResponse::text(answer).with_usage(TOKENS.0, TOKENS.1))
            })
        })
}
