use flow_engine::prelude::*;

#[flow]
async fn shorten(content: String) -> String {
    content.len()
}

fn main() {}
