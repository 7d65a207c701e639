use flow_engine::prelude::*;

#[flow]
async fn shorten(contents: &[String]) -> String {
    contents.concat()
}

fn main() {}
