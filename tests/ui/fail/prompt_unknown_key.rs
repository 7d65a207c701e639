use flow_engine::prelude::*;

#[step(prompt = "unknown_key.md")]
async fn shorten(content: String) -> String;

fn main() {}
