use flow_engine::prelude::*;

#[flow]
async fn shorten((content, words): (String, u32)) -> String {
    format!("{content} {words}")
}

fn main() {}
