//! Names, before.

use flow_engine::prelude::*;

use crate::Start;
use crate::steps::{closing, finish, opening};

pub(crate) fn add(start: &mut Start) {
    start.add(step_renamed_by_name());
    start.add(task_renamed_by_name());
    start.add(step_renamed());
    start.add(flow_renamed_by_name());
    start.add(flow_renamed());
    start.add(sub_flow_renamed_by_name());
    start.add(sub_flow_renamed());
    start.add(sub_flow_renamed_half_way());
    start.add(flow_of_another_version());
}

#[step(prompt = "../prompts/text.md")]
async fn sum_up(text: String) -> String;

#[flow]
async fn step_renamed_by_name() -> Result<String> {
    Ok(finish(closing(sum_up("rain").await?).await?).await?)
}

#[step]
async fn double(text: String) -> String {
    text.repeat(2)
}

#[flow]
async fn task_renamed_by_name() -> Result<String> {
    Ok(finish(double("rain").await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn old_title(text: String) -> String;

#[flow]
async fn step_renamed() -> Result<String> {
    let title = old_title("rain").await?;
    Ok(finish(closing(title).await?).await?)
}

#[flow]
async fn flow_renamed_by_name() -> Result<String> {
    Ok(finish(opening("rain").await?).await?)
}

#[flow]
async fn flow_renamed() -> Result<String> {
    Ok(finish(opening("rain").await?).await?)
}

#[flow]
async fn review(text: String) -> Result<String> {
    Ok(opening(text).await?)
}

#[flow]
async fn sub_flow_renamed_by_name() -> Result<String> {
    Ok(finish(review("rain").await?).await?)
}

#[flow]
async fn old_review(text: String) -> Result<String> {
    Ok(opening(text).await?)
}

#[flow]
async fn sub_flow_renamed() -> Result<String> {
    Ok(finish(old_review("rain").await?).await?)
}

#[flow]
async fn flow_of_another_version() -> Result<String> {
    Ok(finish(opening("rain").await?).await?)
}

#[flow]
async fn old_half(text: String) -> Result<String> {
    Ok(finish(opening(text).await?).await?)
}

#[flow]
async fn sub_flow_renamed_half_way() -> Result<String> {
    let first = closing("snow").await?;
    Ok(old_half(first).await?)
}
