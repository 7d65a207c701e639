use flow_engine::prelude::*;

#[flow(version = 1, version = 2)]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
