use flow_engine::prelude::*;

#[flow(concurrency = 0)]
async fn shorten(content: String) -> String {
    content
}

#[flow(concurrency = "two")]
async fn shout(content: String) -> String {
    content
}

fn main() {}
