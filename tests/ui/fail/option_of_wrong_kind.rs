use flow_engine::prelude::*;

#[step(prompt = "summarize.md", retries = -1, timeout = "soon", strict = "no")]
async fn summarize(content: String) -> String;

#[step(
    prompt = "summarize.md",
    attempt_timeout = 5,
    on_truncate = "repair",
    on_invalid = "ask",
    on_refusal = true,
    fallback = ["small", 3],
)]
async fn summarize_again(content: String) -> String;

#[step(attempt_timeout = "5s", fallback = "small", retries = 1, timeout = "5s")]
async fn count(content: String) -> usize {
    content.len()
}

#[step(prompt = "summarize.md", budget_usd = 0)]
async fn summarize_for_nothing(content: String) -> String;

#[flow(budget_usd = "much")]
async fn spend(content: String) -> Result<String> {
    Ok(summarize_for_nothing(content).await?)
}

fn main() {}
