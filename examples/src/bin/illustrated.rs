//! A text that is shown while it comes, and an image made of it.
//!
//! `cargo run --bin illustrated [SUBJECT]`. With nothing configured a mock answers, and draws a single dot. With
//! `OPENAI_API_KEY` set, `FLOW_ENGINE_MODEL` writes and `gpt-image-1-mini` draws.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use flow_engine::llm::MockBackend;
use flow_engine::prelude::*;
use flow_engine::{Delta, Image};
use flow_engine_examples::{program, report};

#[step(prompt = "write_caption.md")]
async fn write_caption(subject: String) -> String;

/// The input named `prompt` is the prompt.
#[step(kind = "image", model = "gpt-image-1-mini", quality = "low")]
async fn draw(prompt: String) -> Image;

#[data]
struct Illustrated {
    caption: String,
    picture: Image,
}

#[flow]
async fn illustrate(subject: String) -> Result<Illustrated> {
    let mut answer = write_caption(subject).stream();
    while let Some(delta) = answer.next().await {
        match delta {
            Delta::Text(piece) => print!("{piece}"),
            // The answer could not be used, and the model is asked again.
            _ => println!("\n--"),
        }
        std::io::stdout().flush()?;
    }
    println!();
    let caption = answer.finish().await?.output_content;
    let picture = draw(&caption).await?;
    Ok(Illustrated { caption, picture })
}

#[tokio::main]
async fn main() -> ExitCode {
    program::exit(run().await)
}

async fn run() -> anyhow::Result<()> {
    let subject = std::env::args().nth(1);
    let subject = subject.unwrap_or_else(|| "a lighthouse in the fog".to_owned());
    let mut builder = Engine::builder();
    if std::env::var_os("OPENAI_API_KEY").is_none() {
        println!("No model is configured, so a mock answers.\n");
        let caption = format!("This is {subject}. Nobody is there but the one who looks.");
        let mock = MockBackend::new().answer("write_caption", caption);
        builder = builder.backend(mock.image("draw", MockBackend::PNG));
    }
    let engine = builder.build().await?;
    let done = engine.execute(illustrate(subject)).await?;
    let picture = &done.output_content.picture;
    let bytes = engine.artifact(picture).await?;
    let form = picture.media_type.as_deref().unwrap_or_default();
    let file = Path::new("illustrated").with_extension(form.rsplit('/').next().unwrap_or("image"));
    std::fs::write(&file, &bytes)?;
    println!(
        "{} has the picture: {} bytes, kept as {}",
        file.display(),
        bytes.len(),
        picture.url
    );
    report::run(&engine, done.run_id, &done.metadata);
    Ok(())
}
