//! What the workers execute.

use std::time::Duration;

use flow_engine::llm::{LlmRequest, LlmResponse, MockBackend};
use flow_engine::map;
use flow_engine::prelude::*;
use uuid::Uuid;

/// How long a model takes for an answer.
const THOUGHT: Duration = Duration::from_millis(800);

#[step(prompt = "./write.md")]
async fn write_part(title: String) -> String;

#[step]
async fn count_letters(text: String) -> usize {
    text.len()
}

#[flow]
pub(crate) async fn reports(number: u32) -> Result<String> {
    let head = write_part(format!("head {number}")).await?;
    let titles = (0..3).map(|part| format!("part {part} of {number}"));
    let parts = map(titles, 3, write_part).await?;
    let text = format!("{head} {}", parts.join(" "));
    let letters = count_letters(text.clone()).await?;
    Ok(format!("{text}: {letters}"))
}

/// How many steps a run of `reports` has.
pub(crate) const STEPS: usize = 5;

/// What no two executions agree on.
#[step]
async fn draw(number: u32, part: u32) -> Uuid {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let _ = (number, part);
    Uuid::now_v7()
}

/// Says what is acknowledged, once it is.
#[flow]
pub(crate) async fn draws(number: u32) -> Result<()> {
    for part in 0..DRAWS {
        let drawn = draw(number, part).await?;
        println!("{number} {part} {drawn}");
    }
    Ok(())
}

pub(crate) const DRAWS: u32 = 20;

pub(crate) fn report(number: u32) -> String {
    let text =
        format!("<head {number}> <part 0 of {number}> <part 1 of {number}> <part 2 of {number}>");
    format!("{text}: {}", text.len())
}

pub(crate) fn model() -> MockBackend {
    let answer = |request: &LlmRequest| {
        let text = format!("<{}>", request.messages[0].content.trim());
        Ok(LlmResponse::text(text).with_usage(1, 1))
    };
    MockBackend::new().on("write_part", answer).delay(THOUGHT)
}
