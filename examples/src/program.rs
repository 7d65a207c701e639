//! How a program with flows starts: its model, its engine, and what it does with an error.

use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use flow_engine::llm::{Cassette, OpenAiBackend};
use flow_engine::{Call, Engine, EngineBuilder};
use indicatif::{ProgressBar, ProgressStyle};
use uuid::Uuid;

use crate::input::Article;

/// Prints an error on one line, with its causes, and gives the exit code.
pub fn exit(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The engine of an example: on the model that the environment names, else on recorded answers.
///
/// `recording` is the name of the example's cassette in `cassettes/`, `answers` its content.
/// `FLOW_ENGINE_CASSETTE=record` records it anew from the model that the environment names.
///
/// # Errors
/// When there is no model for an article of the user's, or the engine cannot start.
pub async fn engine(article: &Article, recording: &str, answers: &str) -> Result<Engine> {
    let live = is_set("OPENAI_BASE_URL") || is_set("OPENAI_API_KEY");
    let builder = match (live, article) {
        (true, Article::Included)
            if std::env::var("FLOW_ENGINE_CASSETTE").is_ok_and(|mode| mode == "record") =>
        {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("cassettes")
                .join(recording);
            println!("Recording the model's answers into {}.", path.display());
            Engine::builder().backend(Cassette::record(path, OpenAiBackend::from_env()?)?)
        }
        (true, _) => {
            println!("Asking the model that the environment names.");
            Engine::builder()
        }
        (false, Article::Included) => replay(recording, answers)?,
        (false, Article::File(_)) => bail!(
            "the recorded answers are for the included article only: to process a file, set OPENAI_API_KEY, or \
             OPENAI_BASE_URL for a compatible server, and FLOW_ENGINE_MODEL"
        ),
    };
    // What a crash has left behind can be taken up a second later.
    let builder = builder.lease(Duration::from_secs(1));
    Ok(builder.build().await?)
}

fn replay(recording: &str, answers: &str) -> Result<EngineBuilder> {
    let cassette = Cassette::from_json(recording, answers)?;
    let model = cassette.model().unwrap_or("a model").to_owned();
    println!(
        "No model is configured, so the recorded answers of {model} are replayed; set OPENAI_API_KEY or \
         OPENAI_BASE_URL to ask one."
    );
    Ok(Engine::builder().model(model).backend(cassette))
}

fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| !value.trim().is_empty())
}

/// Runs a call with a progress bar, which reads the run's own row; there is none when the output is not a terminal.
///
/// # Errors
/// What the run failed with.
pub async fn execute<C: Call>(engine: &Engine, call: C) -> Result<C::Executed> {
    let run = engine.run(call);
    let bar =
        ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}")?);
    let watched = watch(engine.clone(), run.id(), bar.clone());
    let outcome = tokio::select! {
        outcome = run.execute() => outcome,
        never = watched => match never {},
    };
    bar.finish_and_clear();
    Ok(outcome?)
}

async fn watch(engine: Engine, run_id: Uuid, bar: ProgressBar) -> Infallible {
    loop {
        // A row that cannot be read now is read the next time: the run itself reports what is wrong.
        if let Ok(Some(run)) = engine.find_run(run_id).await {
            bar.set_length(run.total_steps.unwrap_or_default().unsigned_abs().into());
            bar.set_position(run.step_progress.unsigned_abs().into());
            bar.set_message(run.current_step.unwrap_or_default());
        }
        bar.tick();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
