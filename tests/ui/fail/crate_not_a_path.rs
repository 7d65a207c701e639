use flow_engine::prelude::*;

#[step(crate = "my engine")]
async fn shorten(content: String) -> String {
    content
}

#[data(crate = flow_engine)]
struct Summary {
    title: String,
}

fn main() {}
