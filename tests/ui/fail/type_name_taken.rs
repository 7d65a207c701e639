use flow_engine::prelude::*;

#[data]
struct Summary {
    text: String,
}

#[step(prompt = "summarize.md")]
async fn summary(content: String) -> Summary;

fn main() {}
