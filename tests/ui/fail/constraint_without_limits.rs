use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(#[input(length = 80)] content: String) -> String;

fn main() {}
