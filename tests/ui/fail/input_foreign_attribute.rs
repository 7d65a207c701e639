use flow_engine::prelude::*;

#[flow]
async fn shorten(content: String, #[serde(default)] words: u32) -> String {
    format!("{content} {words}")
}

fn main() {}
