use flow_engine::prelude::*;

#[step(cache = "1500ms")]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
