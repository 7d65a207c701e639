use flow_engine::prelude::*;

#[step(kind = "task")]
async fn shorten(content: String) -> String;

fn main() {}
