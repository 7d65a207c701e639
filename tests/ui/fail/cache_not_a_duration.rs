use flow_engine::prelude::*;

#[step(cache = "7 moons")]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
