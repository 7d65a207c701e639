use flow_engine::prelude::*;

#[step(prompt = "unknown_variable.md")]
async fn shorten(content: String) -> String;

fn main() {}
