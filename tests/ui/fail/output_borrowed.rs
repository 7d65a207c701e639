use flow_engine::prelude::*;

#[flow]
async fn shorten(content: String) -> &'static str {
    drop(content);
    "short"
}

fn main() {}
