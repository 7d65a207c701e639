use flow_engine::prelude::*;

#[flow]
async fn shorten(content: String, execute: Option<bool>) -> String {
    format!("{content} {execute:?}")
}

fn main() {}
