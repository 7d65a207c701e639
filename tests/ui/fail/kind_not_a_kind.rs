use flow_engine::prelude::*;

struct Audio;

#[step(kind = Audio, prompt = "summarize.md")]
async fn shorten(content: String) -> String;

fn main() {}
