use flow_engine::prelude::*;

#[step(kind = "unstructured", promt = "summarize.md")]
async fn shorten(content: &str, #[input(defualt = 100)] words: u32) -> u32 {
    words
}

fn main() {}
