use flow_engine::prelude::*;

#[step("summarize.md")]
async fn shorten(content: String) -> String;

fn main() {}
