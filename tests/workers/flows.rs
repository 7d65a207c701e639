//! What the workers execute.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_engine::llm::{LlmRequest, LlmResponse, MockBackend};
use flow_engine::prelude::*;
use flow_engine::{current, map};
use uuid::Uuid;

/// How many runs a worker executes at a time.
pub(crate) const CONCURRENCY: usize = 8;

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

/// Pays, which takes until the file `paid` is there, and says in the file `asked` that it was asked.
#[step(once, key = "charge-{order}")]
pub(crate) async fn charge(folder: PathBuf, order: u32) -> Result<usize> {
    let token = current().and_then(|current| current.idempotency_token());
    let mut asked = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("asked"))?;
    writeln!(asked, "{}", token.unwrap_or_default())?;
    while !folder.join("paid").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(requests(&folder).len())
}

/// The tokens with which it was asked.
pub(crate) fn requests(folder: &Path) -> Vec<String> {
    let asked = std::fs::read_to_string(folder.join("asked"));
    asked
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[flow]
pub(crate) async fn sells(folder: PathBuf, order: u32) -> Result<String> {
    let number = sells_below(folder, order).await?;
    Ok(format!("sold by request {number}"))
}

#[flow]
pub(crate) async fn sells_below(folder: PathBuf, order: u32) -> Result<usize> {
    Ok(charge(folder, order).await?)
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

/// Ends its process. What is executed beside it comes to the end of a step only without it.
#[step]
async fn ends_its_process(number: u32) -> u32 {
    tokio::time::sleep(THOUGHT / 4).await;
    if number == 0 {
        std::process::abort();
    }
    number
}

#[flow]
pub(crate) async fn falls(number: u32) -> Result<u32> {
    Ok(ends_its_process(number).await?)
}

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
