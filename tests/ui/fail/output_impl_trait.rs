use flow_engine::prelude::*;

#[flow]
async fn shorten(content: String) -> impl Into<String> {
    content
}

fn main() {}
