use flow_engine::prelude::*;

#[step(name = "")]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
