//! Prompts, parameters and models, after.

use flow_engine::prelude::*;

use crate::steps::{closing, finish, opening};

#[step(prompt = "../prompts_after/reword.md")]
async fn reword(text: String) -> String;

#[flow]
async fn reworded() -> Result<String> {
    let text = reword(opening("rain").await?).await?;
    Ok(finish(closing(text).await?).await?)
}

#[step(prompt = "../prompts_after/reword.md")]
async fn reword_in_vain(text: String) -> String;

#[flow]
async fn reworded_in_vain() -> Result<String> {
    let text = reword_in_vain(opening("rain").await?).await?;
    Ok(finish(closing(text).await?).await?)
}

#[step(prompt = "../prompts_after/comment.md")]
async fn comment(text: String) -> String;

#[flow]
async fn commented() -> Result<String> {
    Ok(finish(comment("rain").await?).await?)
}

#[step(prompt = "../prompts_after/rename_variable.md")]
async fn rename_variable(news: String) -> String;

#[flow]
async fn variable_renamed() -> Result<String> {
    Ok(finish(rename_variable("rain").await?).await?)
}

#[step(prompt = "../prompts_before/reword.md")]
async fn move_file(text: String) -> String;

#[flow]
async fn file_moved() -> Result<String> {
    Ok(finish(move_file("rain").await?).await?)
}

#[step(prompt = "../prompts_after/reordered.md")]
async fn reorder_front_matter(text: String) -> String;

#[flow]
async fn front_matter_reordered() -> Result<String> {
    Ok(finish(reorder_front_matter("rain").await?).await?)
}

#[step(prompt = "../prompts_after/parameters.md")]
async fn warm(text: String) -> String;

#[flow]
async fn warmed() -> Result<String> {
    Ok(finish(warm("rain").await?).await?)
}

#[step(prompt = "../prompts_after/message.md")]
async fn add_message(text: String) -> String;

#[flow]
async fn message_added() -> Result<String> {
    Ok(finish(add_message("rain").await?).await?)
}

#[step(prompt = "../prompts_after/model.md")]
async fn change_front_matter(text: String) -> String;

#[flow]
async fn front_matter_of_another_model() -> Result<String> {
    Ok(finish(change_front_matter("rain").await?).await?)
}

#[step(prompt = "../prompts/text.md", model = "new-model")]
async fn change_attribute(text: String) -> String;

#[flow]
async fn attribute_of_another_model() -> Result<String> {
    Ok(finish(change_attribute("rain").await?).await?)
}

#[step(prompt = "../prompts_after/moved_model.md")]
async fn move_model(text: String) -> String;

#[flow]
async fn model_said_in_front_matter_too() -> Result<String> {
    Ok(finish(move_model("rain").await?).await?)
}

#[step(prompt = "../prompts/text.md", model = "old-model")]
async fn ask_its_own_model(text: String) -> String;

#[flow]
async fn engine_of_another_model() -> Result<String> {
    let text = ask_its_own_model("rain").await?;
    Ok(finish(opening(text).await?).await?)
}

#[step(prompt = "../prompts_after/reword.md")]
async fn reword_other(text: String) -> String;

#[flow]
async fn reworded_for_another_input() -> Result<String> {
    Ok(finish(reword_other("snow").await?).await?)
}

/// Document, and well.
#[step(prompt = "../prompts/text.md")]
async fn document(
    /// What to document
    text: String,
) -> String;

#[flow]
async fn documented_anew() -> Result<String> {
    Ok(finish(document("rain").await?).await?)
}
