use flow_engine::prelude::*;

#[flow]
async fn shorten(content: String, #[input(default = 100)] style: String) -> String {
    format!("{content} {style}")
}

fn main() {}
