use flow_engine::prelude::*;

#[flow(steps = 3)]
async fn shorten(content: String) -> Result<String> {
    Ok(content)
}

fn main() {}
