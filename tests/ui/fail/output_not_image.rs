use flow_engine::prelude::*;

#[step(kind = "image")]
async fn thumbnail(prompt: String) -> Vec<u8>;

fn main() {}
