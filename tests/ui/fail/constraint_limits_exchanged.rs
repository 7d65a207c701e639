use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(#[input(length(min = 80, max = 1))] content: String) -> String;

fn main() {}
