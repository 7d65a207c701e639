use flow_engine::prelude::*;

#[flow]
async fn shorten(content: String, #[input(defualt = 100)] words: u32) -> String {
    format!("{content} {words}")
}

fn main() {}
