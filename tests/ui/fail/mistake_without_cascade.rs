//! The callers of a wrong item are not wrong.

use flow_engine::prelude::*;

#[step(prompt = "sumarize.md")]
async fn shorten(content: String, #[input(default = 100)] words: u32) -> String;

#[flow]
async fn process(content: String) -> Result<String> {
    let short = shorten(content).words(50).await?;
    Ok(shorten(short).execute().await?.output_content)
}

fn main() {}
