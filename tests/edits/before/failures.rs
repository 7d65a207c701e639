//! Failures that a flow has handled, before.

use flow_engine::prelude::*;

use crate::Start;
use crate::steps::finish;

pub(crate) fn add(start: &mut Start) {
    start.add(failure_handled());
    start.add(reworded_after_a_failure());
    start.add(typed_after_a_failure());
    start.add(handled_answer_fits_now());
}

#[step(prompt = "../prompts/text.md")]
async fn try_it(text: String) -> String;

#[flow]
async fn failure_handled() -> Result<String> {
    let text = match try_it("rain").await {
        Ok(text) => text,
        Err(error) => format!("{:?}", error.kind()),
    };
    Ok(finish(text).await?)
}

#[step(prompt = "../prompts_before/reword.md")]
async fn try_reworded(text: String) -> String;

#[flow]
async fn reworded_after_a_failure() -> Result<String> {
    let text = try_reworded("rain").await;
    Ok(finish(text.unwrap_or_default()).await?)
}

#[data]
struct Typed {
    /// before
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn try_typed(text: String) -> Typed;

#[flow]
async fn typed_after_a_failure() -> Result<String> {
    let stars = try_typed("rain").await.map(|typed| typed.stars);
    Ok(finish(format!("{:?}", stars.ok())).await?)
}

#[data]
struct Badly {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_badly(text: String) -> Badly;

#[flow]
async fn handled_answer_fits_now() -> Result<String> {
    let stars = match rate_badly("rain").await {
        Ok(rating) => rating.stars.to_string(),
        Err(_) => "no".to_owned(),
    };
    Ok(finish(format!("{stars} stars")).await?)
}
