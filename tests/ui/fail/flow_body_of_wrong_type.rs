use flow_engine::prelude::*;

#[flow]
async fn process(content: String) -> Result<String> {
    Ok(content.len())
}

fn main() {}
