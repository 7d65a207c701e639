use flow_engine::prelude::*;

#[step(prompt = "summarize.md", retries = 0, timeout = "soon", strict = "no")]
async fn shorten(content: String) -> String;

fn main() {}
