use flow_engine::prelude::*;

#[step(prompt = "with_words.md")]
async fn shorten(content: String, words: u32) -> String;

#[flow]
async fn process(content: String) -> Result<String> {
    Ok(shorten(content).await?)
}

fn main() {}
