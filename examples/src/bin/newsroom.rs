//! An article that an editor has to approve, and that is published once, whatever dies meanwhile.
//!
//! `cargo run --bin newsroom [TOPIC]` begins an article, or goes on with one that was not finished, and asks you what to change.
//! Leave it whenever you like: the run waits in the database. `--comment TEXT` says what the editor says of the first
//! draft, so that nobody is asked; what is made of that is approved.
//!
//! With nothing configured a mock answers. With `OPENAI_API_KEY` set, `FLOW_ENGINE_MODEL` searches the web and writes, and
//! `gpt-image-1-mini` draws.

use std::fs::OpenOptions;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{
    Citation, FlowRun, Image, News, Resolution, RunFilter, RunStatus, Uuid, current, json, wait_for,
};
use flow_engine_examples::{program, report};

/// An article.
#[data]
struct Article {
    headline: String,
    body: String,
}

/// What the editor says of a draft.
#[data]
struct Verdict {
    /// What to change; nothing if it is approved
    comment: Option<String>,
}

#[step(kind = "news", prompt = "gather_news.md")]
async fn gather(topic: String) -> News;

#[step(prompt = "draft_article.md")]
async fn draft(news: String) -> Article;

#[step(prompt = "revise_article.md")]
async fn revise(article: Article, comment: String) -> Article;

#[step(kind = "image", model = "gpt-image-1-mini", quality = "low")]
async fn draw_thumbnail(prompt: String) -> Image;

/// Publishes an article: what nobody wants to see twice.
///
/// If the program dies in here, nobody knows whether it was published. The engine does not guess: the run is `in_doubt` until
/// somebody has looked.
#[step(once, key = "publish-{slug}")]
async fn publish(
    slug: String,
    article: Article,
    thumbnail: Image,
    #[state] press: Press,
) -> Result<u64> {
    press.print(&slug, &article, &thumbnail).await
}

#[flow(total_steps = 5)]
async fn newsroom(topic: String) -> Result<u64> {
    let news = gather(&topic).await?;
    let mut article = draft(news.content).await?;
    for round in 1.. {
        // Minutes or months. The run needs no memory meanwhile, and no program.
        let verdict: Verdict = wait_for(format!("verdict-{round}")).await?;
        let Some(comment) = verdict.comment else {
            break;
        };
        article = revise(article, comment).await?;
    }
    let thumbnail = draw_thumbnail(format!("A picture for: {}", article.headline)).await?;
    let slug = topic.to_lowercase().replace(' ', "-");
    Ok(publish(slug, article, thumbnail).await?)
}

/// Where articles are published: a file, with a line for each. Yours is a service, which takes a token by which it knows what it
/// has already.
#[derive(Debug, Clone)]
struct Press {
    file: PathBuf,
    /// How long each half of its work takes.
    pace: Duration,
}

impl Press {
    /// The number of the line.
    async fn print(&self, slug: &str, article: &Article, thumbnail: &Image) -> Result<u64> {
        let token = current().and_then(|current| current.idempotency_token());
        let line = json!({
            "slug": slug,
            "headline": article.headline,
            "body": article.body,
            "thumbnail": thumbnail.url,
            "token": token,
        });
        tokio::time::sleep(self.pace).await;
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file)?;
        writeln!(file, "{line}")?;
        tokio::time::sleep(self.pace).await;
        self.number_of(slug)?
            .ok_or_else(|| "the line is not there".into())
    }

    /// The number of the line in which this was published, if it was.
    fn number_of(&self, slug: &str) -> Result<Option<u64>> {
        let lines = match std::fs::read_to_string(&self.file) {
            Ok(lines) => lines,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let slug = format!("\"slug\":{}", json!(slug));
        let place = lines.lines().position(|line| line.contains(&slug));
        Ok(place.map(|place| place as u64 + 1))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    program::exit(run().await)
}

async fn run() -> anyhow::Result<()> {
    let Arguments { topic, mut comment } = arguments()?;
    let press = Press {
        file: "published.jsonl".into(),
        pace: pace(),
    };
    let engine = engine(press.clone()).await?;
    let run_id = match unfinished(&engine).await? {
        Some(run) => {
            println!("going on with run {} ({})", run.id, run.status);
            run.id
        }
        None => engine.run(newsroom(topic)).enqueue().await?,
    };
    let worker = tokio::spawn(
        engine
            .worker()
            .poll_interval(Duration::from_millis(100))
            .run(),
    );
    let done = loop {
        let run = engine
            .find_run(run_id)
            .await?
            .context("the run was deleted")?;
        match run.status {
            RunStatus::Waiting if !edited(&engine, run_id, &mut comment).await? => {
                println!("\nThe run {run_id} waits. `newsroom` goes on with it.");
                break run;
            }
            RunStatus::InDoubt => resolved(&engine, run_id, &press).await?,
            RunStatus::Completed => break run,
            RunStatus::Failed | RunStatus::Cancelled => {
                bail!("{}", run.error_message.unwrap_or_default())
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    worker.abort();
    if let Some(line) = &done.outputs {
        println!("\npublished as line {line} of {}", press.file.display());
        report::stored(&engine, &done);
    }
    engine.close().await;
    Ok(())
}

/// The article that is not finished, if there is one.
async fn unfinished(engine: &Engine) -> anyhow::Result<Option<FlowRun>> {
    let ours = RunFilter {
        flow_name: Some("newsroom".to_owned()),
        roots_only: true,
        ..RunFilter::default()
    };
    let mut runs = engine.runs(ours).await?;
    runs.retain(|run| run.status.is_open() || run.status == RunStatus::Interrupted);
    Ok(runs.pop())
}

/// Lets the editor say something of the draft that waits for it. False if nobody is there.
async fn edited(
    engine: &Engine,
    run_id: Uuid,
    comment: &mut Option<String>,
) -> anyhow::Result<bool> {
    let waits = engine.waits_of(run_id).await?;
    let told = engine.signals_of(run_id).await?;
    let signal = waits.into_iter().find_map(|wait| wait.signal);
    let Some(signal) = signal.filter(|name| told.iter().all(|told| told.name != *name)) else {
        // It goes on at this moment.
        return Ok(true);
    };
    let is_first = signal == "verdict-1";
    let verdict = if let Some(comment) = comment {
        is_first.then(|| comment.clone())
    } else {
        show_draft(engine, run_id).await?;
        println!("What is to be changed? (nothing: publish it)");
        match asked()? {
            Some(line) => (!line.is_empty()).then_some(line),
            None => return Ok(false),
        }
    };
    engine
        .signal(run_id, signal, Verdict { comment: verdict })
        .await?;
    Ok(true)
}

async fn show_draft(engine: &Engine, run_id: Uuid) -> anyhow::Result<()> {
    let steps = engine.steps_of(run_id).await?;
    let mut drafts = steps
        .iter()
        .filter(|step| ["draft", "revise"].contains(&step.step_name.as_str()))
        .filter_map(|step| step.outputs.as_ref());
    if let Some(article) = drafts.next_back() {
        let text = |field: &str| article[field].as_str().unwrap_or_default().to_owned();
        println!("\n{}\n\n{}\n", text("headline"), text("body"));
    }
    Ok(())
}

/// A line of the user's; none if there is no user.
fn asked() -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}

/// Looks whether what is in doubt was published, and says so.
async fn resolved(engine: &Engine, run_id: Uuid, press: &Press) -> anyhow::Result<()> {
    for doubt in engine.in_doubt(run_id).await? {
        let slug = doubt.inputs["slug"].as_str().unwrap_or_default();
        let published = press.number_of(slug).map_err(anyhow::Error::from_boxed)?;
        let resolution = match published {
            Some(line) => Resolution::Done(line.into()),
            None => Resolution::Retry,
        };
        println!("{} was in doubt: {resolution:?}", doubt.key);
        engine.resolve(run_id, &doubt, resolution).await?;
    }
    Ok(())
}

async fn engine(press: Press) -> anyhow::Result<Engine> {
    let mut builder = Engine::builder().state(press);
    if std::env::var_os("OPENAI_API_KEY").is_none() {
        println!("No model is configured, so a mock answers.");
        builder = builder.backend(mock());
    }
    // What a crash has left behind is taken up a second later.
    Ok(builder.lease(Duration::from_secs(1)).build().await?)
}

fn mock() -> MockBackend {
    let found = Citation::new("https://news.example/rivers")
        .titled("Rivers")
        .at(0, 9);
    let article = |headline: &str, body: &str| json!({ "headline": headline, "body": body });
    let first = article(
        "The rivers rise",
        "It rained for a week, and all rivers rose. Nobody was hurt.",
    );
    let second = article("Rivers rise", "It rained, and all rivers rose.");
    MockBackend::new()
        .answer_citing(
            "gather",
            "After a week of rain all rivers have risen. Nobody was hurt.",
            [found],
        )
        .answer("draft", first)
        .answer("revise", second)
        .image("draw_thumbnail", MockBackend::PNG)
        .delay(pace())
}

/// How long a step takes at least, in milliseconds: so that one can see what happens, or stop it.
fn pace() -> Duration {
    let pace = std::env::var("NEWSROOM_PACE_MS").ok();
    Duration::from_millis(pace.and_then(|pace| pace.parse().ok()).unwrap_or(200))
}

struct Arguments {
    topic: String,
    comment: Option<String>,
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut arguments = std::env::args().skip(1);
    let (mut topic, mut comment) = (None, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--comment" => {
                let text = arguments
                    .next()
                    .context("--comment takes what the editor says")?;
                comment = Some(text);
            }
            option if option.starts_with("--") => {
                bail!("this takes `--comment TEXT` and a topic, not `{option}`")
            }
            _ if topic.is_some() => bail!("this takes one topic: put it in quotes"),
            _ => topic = Some(argument),
        }
    }
    let topic = topic.unwrap_or_else(|| "rivers".to_owned());
    Ok(Arguments { topic, comment })
}
