use flow_engine::prelude::*;

#[step(prompt = "syntax.md")]
async fn shorten(content: String) -> String;

fn main() {}
