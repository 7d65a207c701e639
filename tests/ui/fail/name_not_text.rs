use flow_engine::prelude::*;

#[step(name = cut)]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
