//! Code, versions and attributes, before.

use flow_engine::prelude::*;

use crate::Start;
use crate::steps::{finish, opening};

pub(crate) fn add(start: &mut Start) {
    start.add(body_changed());
    start.add(body_laid_out_anew());
    start.add(body_and_version_changed());
    start.add(model_step_of_another_version());
    start.add(cache_added());
    start.add(state_added());
    start.add(state_used());
    start.add(made_fallible());
    start.add(task_made_model());
    start.add(model_made_task());
    start.add(answer_of_a_task_read_by_a_changed_one());
}

#[step]
async fn loud(text: String) -> String {
    text.to_uppercase()
}

#[flow]
async fn body_changed() -> Result<String> {
    Ok(finish(loud("rain").await?).await?)
}

#[step]
async fn neat(text: String) -> String {
    let neat = text.trim();
    neat.to_owned()
}

#[flow]
async fn body_laid_out_anew() -> Result<String> {
    Ok(finish(neat(" rain ").await?).await?)
}

#[step]
async fn backwards(text: String) -> String {
    text
}

#[flow]
async fn body_and_version_changed() -> Result<String> {
    Ok(finish(opening(backwards("rain").await?).await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn ask_again(text: String) -> String;

#[flow]
async fn model_step_of_another_version() -> Result<String> {
    Ok(finish(ask_again("rain").await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn keep(text: String) -> String;

#[step]
async fn keep_code(text: String) -> String {
    text
}

#[flow]
async fn cache_added() -> Result<String> {
    Ok(finish(keep_code(keep("rain").await?).await?).await?)
}

#[step]
async fn with_state(text: String) -> String {
    text
}

#[flow]
async fn state_added() -> Result<String> {
    Ok(finish(with_state("rain").await?).await?)
}

#[step]
async fn punctuate(text: String) -> String {
    text
}

#[flow]
async fn state_used() -> Result<String> {
    Ok(finish(punctuate("rain").await?).await?)
}

#[step]
async fn may_fail(text: String) -> String {
    text
}

#[flow]
async fn made_fallible() -> Result<String> {
    Ok(finish(may_fail("rain").await?).await?)
}

#[step]
async fn made_model(text: String) -> String {
    text
}

#[flow]
async fn task_made_model() -> Result<String> {
    Ok(finish(made_model("rain").await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn made_task(text: String) -> String;

#[flow]
async fn model_made_task() -> Result<String> {
    Ok(finish(made_task("rain").await?).await?)
}

#[step]
async fn count(text: String) -> usize {
    text.len()
}

#[step]
async fn show(count: usize) -> String {
    format!("{count}")
}

#[flow]
async fn answer_of_a_task_read_by_a_changed_one() -> Result<String> {
    Ok(finish(show(count("rain").await?).await?).await?)
}
