#![deny(unused_variables)]

use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(content: String, #[input(default = 100)] words: u32) -> String;

fn main() {}
