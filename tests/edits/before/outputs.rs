//! Output types of model steps, before.

use flow_engine::prelude::*;

use crate::Start;
use crate::model::{Answer, DOWN};
use crate::steps::{closing, finish};

pub(crate) const ANSWERS: &[Answer] = &[
    ("reword_in_vain", "as good as it gets"),
    ("rate_with_option", r#"{"stars": 4}"#),
    ("rate_with_less", r#"{"stars": 4, "why": "short"}"#),
    ("rate_with_more", r#"{"stars": 4}"#),
    ("rate_with_default", r#"{"stars": 4}"#),
    ("rate_by_word", r#"{"stars": 4}"#),
    ("rate_by_float", r#"{"stars": 4}"#),
    ("rate_documented", r#"{"stars": 4}"#),
    ("rate_renamed", r#"{"stars": 4}"#),
    ("rate_twice", r#"{"stars": 4}"#),
    ("rate_reworded", r#"{"stars": 4}"#),
    ("list_items", r#"{"value": [1, 2]}"#),
    ("list_or_struct", r#"{"value": [1, 2]}"#),
    ("write_json", r#"{"stars": 4}"#),
    ("write_words", "four stars"),
    ("write_struct", r#"{"stars": 4}"#),
    (
        "rate_with_luck",
        "{\"stars\": 4}\n{\"stars\": 5, \"why\": \"short\"}",
    ),
    ("try_it", DOWN),
    ("try_reworded", DOWN),
    ("try_typed", DOWN),
    ("rate_badly", r#"{"stars": "four"}"#),
    ("rate_in_part", r#"{"stars": 4}"#),
];

pub(crate) fn add(start: &mut Start) {
    start.add(option_added());
    start.add(field_removed());
    start.add(required_added());
    start.add(default_added());
    start.add(type_changed());
    start.add(type_widened());
    start.add(described_better());
    start.add(struct_renamed());
    start.add(asked_twice());
    start.add(schema_and_prompt());
    start.add(one_of_two_answers_fits());
    start.add(items_widened());
    start.add(list_made_struct());
    start.add(text_made_struct());
    start.add(words_made_struct());
    start.add(struct_made_text());
    start.add(sub_flow_output_changed());
}

#[data]
struct Optional {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_option(text: String) -> Optional;

#[flow]
async fn option_added() -> Result<String> {
    let rating = rate_with_option("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Less {
    stars: u8,
    why: String,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_less(text: String) -> Less;

#[flow]
async fn field_removed() -> Result<String> {
    let rating = rate_with_less("rain").await?;
    assert_eq!(rating.why, "short");
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct More {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_more(text: String) -> More;

#[flow]
async fn required_added() -> Result<String> {
    let rating = rate_with_more("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Defaulted {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_default(text: String) -> Defaulted;

#[flow]
async fn default_added() -> Result<String> {
    let rating = rate_with_default("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Word {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_by_word(text: String) -> Word;

#[flow]
async fn type_changed() -> Result<String> {
    let rating = rate_by_word("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Float {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_by_float(text: String) -> Float;

#[flow]
async fn type_widened() -> Result<String> {
    let rating = rate_by_float("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Documented {
    /// How good it is
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_documented(text: String) -> Documented;

#[flow]
async fn described_better() -> Result<String> {
    let rating = rate_documented("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct OldName {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_renamed(text: String) -> OldName;

#[flow]
async fn struct_renamed() -> Result<String> {
    let rating = rate_renamed("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Twice {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_twice(text: String) -> Twice;

#[flow]
async fn asked_twice() -> Result<String> {
    let (rating, again) = tokio::try_join!(rate_twice("rain"), rate_twice("rain"))?;
    assert_eq!(rating.stars, again.stars);
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Reworded {
    stars: u8,
}

#[step(prompt = "../prompts_before/reword.md")]
async fn rate_reworded(text: String) -> Reworded;

#[flow]
async fn schema_and_prompt() -> Result<String> {
    let rating = rate_reworded("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn list_items(text: String) -> Vec<u8>;

#[flow]
async fn items_widened() -> Result<String> {
    let items = list_items("rain").await?;
    Ok(finish(format!("{items:?}")).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn list_or_struct(text: String) -> Vec<u8>;

#[flow]
async fn list_made_struct() -> Result<String> {
    let items = list_or_struct("rain").await?;
    Ok(finish(format!("{items:?}")).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn write_json(text: String) -> String;

#[flow]
async fn text_made_struct() -> Result<String> {
    let text = write_json("rain").await?;
    Ok(finish(closing(text).await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn write_words(text: String) -> String;

#[flow]
async fn words_made_struct() -> Result<String> {
    let text = write_words("rain").await?;
    Ok(finish(closing(text).await?).await?)
}

#[data]
struct ToText {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn write_struct(text: String) -> ToText;

#[flow]
async fn struct_made_text() -> Result<String> {
    let rating = write_struct("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct InPart {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_in_part(text: String) -> InPart;

#[flow]
async fn rating_part(text: String) -> Result<InPart> {
    Ok(rate_in_part(text).await?)
}

#[flow]
async fn sub_flow_output_changed() -> Result<String> {
    let rating = rating_part("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Lucky {
    stars: u8,
    why: Option<String>,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_luck(text: String) -> Lucky;

#[flow]
async fn one_of_two_answers_fits() -> Result<String> {
    let first = rate_with_luck("rain").await?;
    let rating = rate_with_luck("rain").await?;
    assert_eq!((first.why, rating.why.as_deref()), (None, Some("short")));
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}
