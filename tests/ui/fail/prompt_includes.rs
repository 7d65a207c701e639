use flow_engine::prelude::*;

#[step(prompt = "includes.md")]
async fn shorten(content: String, tone: String, reader: String) -> String;

fn main() {}
