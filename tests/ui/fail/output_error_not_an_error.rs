use flow_engine::prelude::*;

struct Oops;

#[flow]
async fn shorten(content: String) -> Result<String, Oops> {
    if content.is_empty() { Err(Oops) } else { Ok(content) }
}

fn main() {}
