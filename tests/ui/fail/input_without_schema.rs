use flow_engine::prelude::*;

struct Article;

#[step(prompt = "summarize.md")]
async fn shorten(content: Article) -> String;

fn main() {}
