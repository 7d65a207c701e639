use flow_engine::prelude::*;

#[step(cache = "0s")]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
