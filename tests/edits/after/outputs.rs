//! Output types of model steps, after.

use flow_engine::prelude::*;

use crate::model::Answer;
use crate::steps::{closing, finish};

pub(crate) const ANSWERS: &[Answer] = &[
    ("reword_in_vain", "as good as it gets"),
    ("rate_with_option", r#"{"stars": 4}"#),
    ("rate_with_less", r#"{"stars": 4, "why": "short"}"#),
    ("rate_with_more", r#"{"stars": 4, "why": "long"}"#),
    ("rate_with_default", r#"{"stars": 4}"#),
    ("rate_by_word", r#"{"stars": "four"}"#),
    ("rate_by_float", r#"{"stars": 4}"#),
    ("rate_documented", r#"{"stars": 4}"#),
    ("rate_renamed", r#"{"stars": 4}"#),
    ("rate_twice", r#"{"stars": 4}"#),
    ("rate_reworded", r#"{"stars": 4}"#),
    ("list_items", r#"{"value": [1, 2]}"#),
    ("list_or_struct", r#"{"value": [3]}"#),
    ("write_json", r#"{"stars": 4}"#),
    ("write_words", r#"{"stars": 4}"#),
    ("write_struct", r#"{"stars": 4}"#),
    (
        "rate_with_luck",
        "{\"stars\": 4}\n{\"stars\": 5, \"why\": \"short\"}",
    ),
    ("try_it", "it works"),
    ("try_reworded", "it works"),
    ("try_typed", r#"{"stars": 4}"#),
    ("rate_badly", r#"{"stars": "four"}"#),
    ("rate_in_part", r#"{"stars": 4}"#),
];

#[data]
struct Optional {
    stars: u8,
    why: Option<String>,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_option(text: String) -> Optional;

#[flow]
async fn option_added() -> Result<String> {
    let rating = rate_with_option("rain").await?;
    assert_eq!(rating.why, None);
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Less {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_less(text: String) -> Less;

#[flow]
async fn field_removed() -> Result<String> {
    let rating = rate_with_less("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct More {
    stars: u8,
    why: String,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_more(text: String) -> More;

#[flow]
async fn required_added() -> Result<String> {
    let rating = rate_with_more("rain").await?;
    assert_eq!(rating.why, "long");
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Defaulted {
    stars: u8,
    #[serde(default)]
    words: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_default(text: String) -> Defaulted;

#[flow]
async fn default_added() -> Result<String> {
    let rating = rate_with_default("rain").await?;
    assert_eq!(rating.words, 0);
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Word {
    stars: String,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_by_word(text: String) -> Word;

#[flow]
async fn type_changed() -> Result<String> {
    let rating = rate_by_word("rain").await?;
    Ok(finish(closing(rating.stars).await?).await?)
}

#[data]
struct Float {
    stars: f64,
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
    /// One to five
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
struct NewName {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_renamed(text: String) -> NewName;

#[flow]
async fn struct_renamed() -> Result<String> {
    let rating = rate_renamed("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct Twice {
    stars: u8,
    why: Option<String>,
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
    why: Option<String>,
}

#[step(prompt = "../prompts_after/reword.md")]
async fn rate_reworded(text: String) -> Reworded;

#[flow]
async fn schema_and_prompt() -> Result<String> {
    let rating = rate_reworded("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn list_items(text: String) -> Vec<u64>;

#[flow]
async fn items_widened() -> Result<String> {
    let items = list_items("rain").await?;
    Ok(finish(format!("{items:?}")).await?)
}

#[data]
struct List {
    value: Vec<u8>,
}

#[step(prompt = "../prompts/text.md")]
async fn list_or_struct(text: String) -> List;

#[flow]
async fn list_made_struct() -> Result<String> {
    let items = list_or_struct("rain").await?.value;
    Ok(finish(format!("{items:?}")).await?)
}

#[data]
struct FromText {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn write_json(text: String) -> FromText;

#[flow]
async fn text_made_struct() -> Result<String> {
    let rating = write_json("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[data]
struct FromWords {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn write_words(text: String) -> FromWords;

#[flow]
async fn words_made_struct() -> Result<String> {
    let rating = write_words("rain").await?;
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}

#[step(prompt = "../prompts/text.md")]
async fn write_struct(text: String) -> String;

#[flow]
async fn struct_made_text() -> Result<String> {
    Ok(finish(write_struct("rain").await?).await?)
}

#[data]
struct InPart {
    stars: u8,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_in_part(text: String) -> InPart;

#[flow]
async fn rating_part(text: String) -> Result<u8> {
    Ok(rate_in_part(text).await?.stars)
}

#[flow]
async fn sub_flow_output_changed() -> Result<String> {
    let stars = rating_part("rain").await?;
    Ok(finish(closing(format!("{stars}")).await?).await?)
}

#[data]
struct Lucky {
    stars: u8,
    why: String,
}

#[step(prompt = "../prompts/text.md")]
async fn rate_with_luck(text: String) -> Lucky;

#[flow]
async fn one_of_two_answers_fits() -> Result<String> {
    let rating = rate_with_luck("rain").await?;
    assert_eq!(rating.why, "short");
    Ok(finish(closing(format!("{}", rating.stars)).await?).await?)
}
