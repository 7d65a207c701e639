use flow_engine::prelude::*;

#[flow]
async fn shorten(content: String, #[input(default = "a hundred")] words: u32) -> String {
    format!("{content} {words}")
}

fn main() {}
