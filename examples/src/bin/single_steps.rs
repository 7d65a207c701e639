//! Steps used alone, without a flow: each is a run of one step on the installed engine.
//!
//! `cargo run --bin single_steps [FILE]`

use std::process::ExitCode;

use flow_engine_examples::articles::{extract_content, summarize};
use flow_engine_examples::input::Article;
use flow_engine_examples::{program, report};

#[tokio::main]
async fn main() -> ExitCode {
    program::exit(run().await)
}

async fn run() -> anyhow::Result<()> {
    let article = Article::from_arguments()?;
    let answers = include_str!("../../cassettes/single_steps.json");
    let engine = program::engine(&article, "single_steps.json", answers).await?;
    engine.install()?;

    let extracted = extract_content(article.text())
        .max_length(120)
        .execute()
        .await?;
    println!("\n{}", extracted.output_content);
    report::run(&engine, extracted.run_id, &extracted.metadata);

    let summary = summarize(extracted.output_content)
        .style("casual")
        .execute()
        .await?;
    report::summary(&summary.output_content);
    report::run(&engine, summary.run_id, &summary.metadata);
    Ok(())
}
