use flow_engine::prelude::*;

#[step(kind = "structred", prompt = "summarize.md")]
async fn shorten(content: String) -> String;

fn main() {}
