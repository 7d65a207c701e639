use flow_engine::prelude::*;

#[step(once, key = "charge-{cents:05}")]
async fn charge(cents: u64) -> Result<u64> {
    Ok(cents)
}

fn main() {}
