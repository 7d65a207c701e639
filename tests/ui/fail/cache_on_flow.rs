use flow_engine::prelude::*;

#[flow(cache = "7d")]
async fn shorten(content: String) -> Result<String> {
    Ok(content)
}

fn main() {}
