use flow_engine::prelude::*;

#[step(prompt = "blocks.md")]
async fn shorten() -> String;

fn main() {}
