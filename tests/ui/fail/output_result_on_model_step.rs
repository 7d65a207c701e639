use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(content: String) -> Result<String>;

fn main() {}
