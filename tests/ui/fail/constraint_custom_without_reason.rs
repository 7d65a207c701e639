use flow_engine::prelude::*;

fn not_blank(text: &str) -> bool {
    !text.trim().is_empty()
}

#[step(prompt = "summarize.md")]
async fn shorten(#[input(custom = not_blank)] content: String) -> String;

fn main() {}
