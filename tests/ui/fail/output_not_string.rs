use flow_engine::prelude::*;

#[data]
struct Summary {
    text: String,
}

#[step(kind = "unstructured", prompt = "summarize.md")]
async fn shorten(content: String) -> Summary;

fn main() {}
