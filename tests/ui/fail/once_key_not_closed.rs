use flow_engine::prelude::*;

#[step(once, key = "charge-{cents")]
async fn charge(cents: u64) -> Result<u64> {
    Ok(cents)
}

#[step(once, key = "charge-cents}")]
async fn refund(cents: u64) -> Result<u64> {
    Ok(cents)
}

fn main() {}
