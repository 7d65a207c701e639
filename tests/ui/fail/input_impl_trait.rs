use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(content: impl Into<String>) -> String;

fn main() {}
