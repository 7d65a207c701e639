use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(content: &str) -> String;

fn main() {}
