use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(#[input(custom = "not_blank")] content: String) -> String;

fn main() {}
