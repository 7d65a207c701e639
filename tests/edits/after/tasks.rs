//! Code, versions and attributes, after.

use flow_engine::prelude::*;

use crate::steps::{finish, opening};

/// The state of some tasks.
#[derive(Clone)]
pub(crate) struct Punctuation(pub(crate) &'static str);

#[step]
async fn loud(text: String) -> String {
    format!("{}!", text.to_uppercase())
}

#[flow]
async fn body_changed() -> Result<String> {
    Ok(finish(loud("rain").await?).await?)
}

#[step]
async fn neat(text: String) -> String {
    // Without blanks around it.
    let neat = text.trim();
    neat.to_owned()
}

#[flow]
async fn body_laid_out_anew() -> Result<String> {
    Ok(finish(neat(" rain ").await?).await?)
}

#[step(version = 2)]
async fn backwards(text: String) -> String {
    text.chars().rev().collect()
}

#[flow]
async fn body_and_version_changed() -> Result<String> {
    Ok(finish(opening(backwards("rain").await?).await?).await?)
}

#[step(prompt = "../prompts/text.md", version = 2)]
async fn ask_again(text: String) -> String;

#[flow]
async fn model_step_of_another_version() -> Result<String> {
    Ok(finish(ask_again("rain").await?).await?)
}

#[step(prompt = "../prompts/text.md", cache = "7d")]
async fn keep(text: String) -> String;

#[step(cache = "7d")]
async fn keep_code(text: String) -> String {
    text
}

#[flow]
async fn cache_added() -> Result<String> {
    Ok(finish(keep_code(keep("rain").await?).await?).await?)
}

#[step]
async fn with_state(text: String, #[state] _punctuation: Punctuation) -> String {
    text
}

#[flow]
async fn state_added() -> Result<String> {
    Ok(finish(with_state("rain").await?).await?)
}

#[step]
async fn punctuate(text: String, #[state] punctuation: Punctuation) -> String {
    text + punctuation.0
}

#[flow]
async fn state_used() -> Result<String> {
    Ok(finish(punctuate("rain").await?).await?)
}

#[step]
async fn may_fail(text: String) -> Result<String> {
    Ok(text)
}

#[flow]
async fn made_fallible() -> Result<String> {
    Ok(finish(may_fail("rain").await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn made_model(text: String) -> String;

#[flow]
async fn task_made_model() -> Result<String> {
    Ok(finish(made_model("rain").await?).await?)
}

#[step]
async fn made_task(text: String) -> String {
    format!("{text}!")
}

#[flow]
async fn model_made_task() -> Result<String> {
    Ok(finish(made_task("rain").await?).await?)
}

#[step(version = 2)]
async fn count(text: String) -> usize {
    text.chars().count()
}

#[step]
async fn show(count: usize) -> String {
    format!("{count} characters")
}

#[flow]
async fn answer_of_a_task_read_by_a_changed_one() -> Result<String> {
    Ok(finish(show(count("rain").await?).await?).await?)
}
