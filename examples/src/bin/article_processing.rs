//! Extracts the substance of an article and summarises it: one flow of two model steps.
//!
//! `cargo run --bin article_processing [FILE]`

use std::process::ExitCode;

use flow_engine_examples::articles::article_processing;
use flow_engine_examples::input::Article;
use flow_engine_examples::{program, report};

#[tokio::main]
async fn main() -> ExitCode {
    program::exit(run().await)
}

async fn run() -> anyhow::Result<()> {
    let article = Article::from_arguments()?;
    let answers = include_str!("../../cassettes/article_processing.json");
    let engine = program::engine(&article, "article_processing.json", answers).await?;
    let done = program::execute(&engine, article_processing(article.text())).await?;
    report::summary(&done.output_content.summary);
    report::run(&engine, done.run_id, &done.metadata);
    Ok(())
}
