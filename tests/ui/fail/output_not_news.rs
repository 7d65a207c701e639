use flow_engine::prelude::*;

#[data]
struct Digest {
    headline: String,
}

#[step(kind = "news", prompt = "summarize.md")]
async fn gather(content: String) -> Digest;

fn main() {}
