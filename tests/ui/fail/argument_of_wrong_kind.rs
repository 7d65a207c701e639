use flow_engine::prelude::*;

#[flow(version = "2", total_steps = 0, type = ShortenCall)]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
