//! Names, after.

use flow_engine::prelude::*;

use crate::steps::{closing, finish, opening};

#[step(name = "sum_up", prompt = "../prompts/text.md")]
async fn summarize(text: String) -> String;

#[flow]
async fn step_renamed_by_name() -> Result<String> {
    Ok(finish(closing(summarize("rain").await?).await?).await?)
}

#[step(name = "double")]
async fn say_twice(text: String) -> String {
    text.repeat(2)
}

#[flow]
async fn task_renamed_by_name() -> Result<String> {
    Ok(finish(say_twice("rain").await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn new_title(text: String) -> String;

#[flow]
async fn step_renamed() -> Result<String> {
    let title = new_title("rain").await?;
    Ok(finish(closing(title).await?).await?)
}

#[flow(name = "flow_renamed_by_name")]
async fn flow_with_a_better_name() -> Result<String> {
    Ok(finish(opening("rain").await?).await?)
}

#[flow]
async fn flow_that_was_renamed() -> Result<String> {
    Ok(finish(opening("rain").await?).await?)
}

#[flow(name = "review")]
async fn judge(text: String) -> Result<String> {
    Ok(opening(text).await?)
}

#[flow]
async fn sub_flow_renamed_by_name() -> Result<String> {
    Ok(finish(judge("rain").await?).await?)
}

#[flow]
async fn new_review(text: String) -> Result<String> {
    Ok(opening(text).await?)
}

#[flow]
async fn sub_flow_renamed() -> Result<String> {
    Ok(finish(new_review("rain").await?).await?)
}

#[flow(version = 2, total_steps = 2)]
async fn flow_of_another_version() -> Result<String> {
    Ok(finish(opening("rain").await?).await?)
}

#[flow]
async fn new_half(text: String) -> Result<String> {
    Ok(finish(opening(text).await?).await?)
}

#[flow]
async fn sub_flow_renamed_half_way() -> Result<String> {
    let first = closing("snow").await?;
    Ok(new_half(first).await?)
}
