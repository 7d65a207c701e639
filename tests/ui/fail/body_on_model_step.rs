use flow_engine::prelude::*;

#[step(kind = "unstructured", prompt = "summarize.md")]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
