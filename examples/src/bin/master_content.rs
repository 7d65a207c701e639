//! A flow that calls a flow: processes an article, then suggests headlines if any are wanted.
//!
//! `cargo run --bin master_content [FILE]`

use std::process::ExitCode;

use flow_engine::prelude::*;
use flow_engine_examples::articles::{Processed, article_processing};
use flow_engine_examples::input::Article;
use flow_engine_examples::{program, report};

/// Everything an editor needs of an article.
#[data]
struct Content {
    /// The processed article
    article: Processed,
    /// Headlines to choose from; empty if none were wanted
    headlines: Vec<String>,
}

/// Suggest headlines for an article.
#[step(kind = "structured", prompt = "suggest_headlines.md")]
async fn suggest_headlines(
    /// Summary of the article
    summary: String,
    /// How many headlines to suggest
    count: u32,
) -> Vec<String>;

/// Process an article and, if wanted, suggest headlines for it.
#[flow(total_steps = 2)]
async fn master_content(
    /// Article to process
    article_text: String,
    /// How many headlines to suggest
    #[input(default = 0)]
    headlines: u32,
) -> Result<Content> {
    let article = article_processing(article_text).await?;
    let headlines = match headlines {
        0 => Vec::new(),
        count => suggest_headlines(article.summary.summary.clone(), count).await?,
    };
    Ok(Content { article, headlines })
}

#[tokio::main]
async fn main() -> ExitCode {
    program::exit(run().await)
}

async fn run() -> anyhow::Result<()> {
    let article = Article::from_arguments()?;
    let answers = include_str!("../../cassettes/master_content.json");
    let engine = program::engine(&article, "master_content.json", answers).await?;
    let done = program::execute(&engine, master_content(article.text()).headlines(3)).await?;
    report::summary(&done.output_content.article.summary);
    println!("\nHeadlines:");
    for headline in &done.output_content.headlines {
        println!("- {headline}");
    }
    report::run(&engine, done.run_id, &done.metadata);
    Ok(())
}
