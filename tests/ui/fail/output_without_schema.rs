use flow_engine::prelude::*;

struct Summary;

#[step(prompt = "summarize.md")]
async fn shorten(content: String) -> Summary;

fn main() {}
