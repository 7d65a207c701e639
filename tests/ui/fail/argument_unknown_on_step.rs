use flow_engine::prelude::*;

#[step(promt = "summarize.md")]
async fn shorten(content: String) -> String;

fn main() {}
