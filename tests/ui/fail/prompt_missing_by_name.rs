use flow_engine::prelude::*;

#[step]
async fn shorten(content: String) -> String;

fn main() {}
