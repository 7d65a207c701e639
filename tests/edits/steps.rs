//! Steps of both programs, which no edit touches.

use flow_engine::prelude::*;

#[step(prompt = "./prompts/text.md")]
pub(crate) async fn opening(text: String) -> String;

#[step(prompt = "./prompts/text.md")]
pub(crate) async fn middle(text: String) -> String;

#[step(prompt = "./prompts/text.md")]
pub(crate) async fn closing(text: String) -> String;

/// How the last step of every flow ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Works,
    Fails,
    NeverEnds,
}

impl Fate {
    /// What lets a run end as this word says.
    pub(crate) fn of_a_run_that_is(end: &str) -> Self {
        match end {
            "failed" => Self::Fails,
            "interrupted" | "killed" => Self::NeverEnds,
            _ => Self::Works,
        }
    }
}

#[step]
pub(crate) async fn finish(text: String, #[state] fate: Fate) -> Result<String> {
    match fate {
        Fate::Works => Ok(text),
        Fate::Fails => Err("the last step failed".into()),
        Fate::NeverEnds => std::future::pending().await,
    }
}
