use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(#[input(range(max = 80))] content: String) -> String;

fn main() {}
