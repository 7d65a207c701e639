use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
fn shorten(content: String) -> String;

fn main() {}
