use flow_engine::prelude::*;

#[step(model = "gpt-5-mini")]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
