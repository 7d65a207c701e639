//! Failures that a flow has handled, after.

use flow_engine::prelude::*;

use crate::steps::finish;

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

#[step(prompt = "../prompts_after/reword.md")]
async fn try_reworded(text: String) -> String;

#[flow]
async fn reworded_after_a_failure() -> Result<String> {
    let text = try_reworded("rain").await;
    Ok(finish(text.unwrap_or_default()).await?)
}

#[data]
struct Typed {
    /// after
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
    stars: String,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_badly(text: String) -> Badly;

#[flow]
async fn handled_answer_fits_now() -> Result<String> {
    let stars = match rate_badly("rain").await {
        Ok(rating) => rating.stars,
        Err(_) => "no".to_owned(),
    };
    Ok(finish(format!("{stars} stars")).await?)
}
