use flow_engine::prelude::*;

#[step(prompt = "not_a_text.md")]
async fn shorten(note: Option<String>, tags: Vec<String>) -> String;

fn main() {}
