use flow_engine::prelude::*;

#[step(cache = 7)]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
