use flow_engine::prelude::*;

#[step(prompt = "sumarize.md")]
async fn shorten(content: String) -> String;

fn main() {}
