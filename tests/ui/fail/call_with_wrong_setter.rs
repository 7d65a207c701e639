use flow_engine::prelude::*;

#[step(prompt = "with_words.md")]
async fn shorten(content: String, #[input(default = 100)] words: u32) -> String;

#[flow]
async fn process(content: String) -> Result<String> {
    Ok(shorten(content).word(50).await?)
}

fn main() {}
