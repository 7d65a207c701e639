use flow_engine::prelude::*;

#[step(prompt = "unknown_filter.md")]
async fn shorten(content: String) -> String;

fn main() {}
