use flow_engine::prelude::*;

#[step(prompt = "loop_over_number.md")]
async fn shorten(words: u32) -> String;

fn main() {}
