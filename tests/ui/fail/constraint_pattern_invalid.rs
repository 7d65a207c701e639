use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(#[input(pattern = "^[a-z+$")] content: String) -> String;

fn main() {}
