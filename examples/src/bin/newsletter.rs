//! A newsletter of an article: a teaser for each section, four at a time, and a subject line from the teasers.
//!
//! `cargo run --bin newsletter` goes on with runs that a crash left behind, or begins a new one if there are none;
//! `cargo run --bin newsletter -- --crash-after 3` dies when 3 model steps of a new one are recorded.

use std::future::pending;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use flow_engine::prelude::*;
use flow_engine::{DateTime, Utc};
use flow_engine_examples::input::Article;
use flow_engine_examples::{program, report};

/// An issue of the newsletter.
#[data]
struct Newsletter {
    /// The line that gets it opened
    subject: String,
    /// When work on it began
    dated: DateTime<Utc>,
    /// One sentence for each section
    teasers: Vec<String>,
}

/// Split an article into its sections. Its first paragraph is its title.
#[step]
async fn split(article: String) -> Vec<String> {
    article
        .split("\n\n")
        .skip(1)
        .map(|section| section.trim().to_owned())
        .collect()
}

/// Make readers curious about a section.
#[step(prompt = "write_teaser.md")]
async fn write_teaser(section: String) -> String;

/// Write the subject line of an issue.
#[step(prompt = "write_subject.md")]
async fn write_subject(teasers: Vec<String>) -> String;

/// Make a newsletter of an article.
#[flow]
async fn write_newsletter(article: String) -> Result<Newsletter> {
    // Recorded like a step: an issue that a crash delays keeps its date.
    let dated = flow_engine::now().await?;
    let sections = split(article).await?;
    let teasers =
        flow_engine::map(sections, 4, |section| until_crash(write_teaser(section))).await?;
    let subject = until_crash(write_subject(teasers.clone())).await?;
    Ok(Newsletter {
        subject,
        dated,
        teasers,
    })
}

/// How many model steps there are until the process dies; no end of them without `--crash-after`.
static CRASH_AFTER: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Awaits a step, and dies if it is the last one before the crash. Those after it do not begin, so that the crash meets
/// none at work: then it would be asked, and paid, twice.
async fn until_crash<T>(
    step: impl IntoFuture<Output = Result<T, flow_engine::Error>>,
) -> Result<T> {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    static DONE: AtomicUsize = AtomicUsize::new(0);
    let crash_after = CRASH_AFTER.load(Ordering::Relaxed);
    if BEGUN.fetch_add(1, Ordering::Relaxed) >= crash_after {
        pending::<()>().await;
    }
    let output = step.await?;
    if DONE.fetch_add(1, Ordering::Relaxed) + 1 == crash_after {
        println!("{crash_after} model steps are recorded. The process dies now.");
        std::process::abort();
    }
    Ok(output)
}

#[tokio::main]
async fn main() -> ExitCode {
    program::exit(run().await)
}

async fn run() -> anyhow::Result<()> {
    let crash_after = crash_after()?;
    let answers = include_str!("../../cassettes/newsletter.json");
    let engine = program::engine(&Article::Included, "newsletter.json", answers).await?;
    if resumed(&engine).await? {
        return Ok(());
    }
    CRASH_AFTER.store(crash_after, Ordering::Relaxed);
    let call = write_newsletter(Article::Included.text());
    let done = engine.execute(call).await?;
    print(&done.output_content);
    report::run(&engine, done.run_id, &done.metadata);
    Ok(())
}

/// Goes on with what a crash left behind; false if that is nothing.
async fn resumed(engine: &Engine) -> anyhow::Result<bool> {
    let mut crashed = engine.interrupted().await?;
    // The other examples may work on the same database.
    crashed.retain(|run| run.flow_name == "write_newsletter");
    for run in &crashed {
        println!("\n{}", engine.resume_plan(run.id).await?);
        let recorded = engine.requests_of(run.id).await?.len();
        let done = engine.resume(run.id).await?;
        let ran = engine.requests_of(run.id).await?.len() - recorded;
        println!(
            "resumed run {}: {recorded} model steps were recorded, {ran} ran",
            run.id
        );
        let (paid, tokens) = (run.total_tokens.unsigned_abs(), done.metadata.tokens_used);
        println!("tokens paid now: {}, in all: {tokens}", tokens - paid);
        print(&done.output()?);
        report::run(engine, done.run_id, &done.metadata);
    }
    Ok(!crashed.is_empty())
}

fn print(newsletter: &Newsletter) {
    println!("\n{}", newsletter.subject);
    println!("{}\n", newsletter.dated.format("%-d %B %Y, %H:%M:%S UTC"));
    for teaser in &newsletter.teasers {
        println!("- {teaser}");
    }
}

fn crash_after() -> anyhow::Result<usize> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => Ok(usize::MAX),
        [option, count] if option == "--crash-after" => {
            let count = count.parse::<NonZeroUsize>();
            Ok(count
                .context("--crash-after takes a number of steps from 1")?
                .get())
        }
        _ => bail!("this takes `--crash-after N`, or nothing"),
    }
}
