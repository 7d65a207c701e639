use flow_engine::prelude::*;

#[step(prompt = "summarize.md", size = "1024x1024")]
async fn shorten(content: String, #[input(param, default)] quality: Option<String>) -> String;

fn main() {}
