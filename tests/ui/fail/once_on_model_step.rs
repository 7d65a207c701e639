use flow_engine::prelude::*;

#[step(once, key = "shorten-{content}", prompt = "summarize.md")]
async fn shorten(content: String) -> String;

fn main() {}
