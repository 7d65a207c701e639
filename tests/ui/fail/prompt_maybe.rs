use flow_engine::prelude::*;

#[step(prompt = "maybe.md")]
async fn shorten(formal: bool) -> String;

fn main() {}
