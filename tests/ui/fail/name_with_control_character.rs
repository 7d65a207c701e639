use flow_engine::prelude::*;

#[step(name = "shorten\n")]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
