//! Raw articles into publishable summaries.

use flow_engine::prelude::*;

/// What the summariser returns.
#[data]
pub struct Summary {
    /// Generated title
    pub title: String,
    /// Content summary
    pub summary: String,
    /// Key points extracted
    pub key_points: Vec<String>,
}

/// An article, ready to publish.
#[data]
pub struct Processed {
    /// The substance of the article
    pub extracted: String,
    /// The summary of that
    pub summary: Summary,
}

/// Extract the substance of an article.
#[step(kind = "unstructured", prompt = "extract_content.md")]
pub async fn extract_content(
    /// Article to extract from
    article_text: String,
    /// Maximum extraction length, in words
    #[input(default = 200)]
    max_length: u32,
) -> String;

/// Summarise a text.
#[step(kind = "structured", prompt = "summarize.md")]
pub async fn summarize(
    /// Text to summarise
    content: String,
    /// Writing style
    #[input(default = "professional")]
    style: String,
) -> Summary;

/// Turn a raw article into a publishable summary.
#[flow(total_steps = 2)]
pub async fn article_processing(
    /// Article to process
    article_text: String,
    /// Writing style of the summary
    #[input(default = "professional")]
    style: String,
) -> Result<Processed> {
    let extracted = extract_content(article_text).await?;
    let summary = summarize(extracted.clone()).style(style).await?;
    Ok(Processed { extracted, summary })
}
