use flow_engine::prelude::*;

#[step(once, key = "")]
async fn charge(cents: u64) -> Result<u64> {
    Ok(cents)
}

fn main() {}
