use flow_engine::prelude::*;

#[step(prompt = "two_mistakes.md")]
async fn shorten(content: String) -> String;

fn main() {}
