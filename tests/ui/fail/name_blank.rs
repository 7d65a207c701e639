use flow_engine::prelude::*;

#[flow(name = "  ")]
async fn shorten(content: String) -> Result<String> {
    Ok(content)
}

fn main() {}
