use flow_engine::prelude::*;

#[step(once, key = "charge-{order}")]
async fn charge(orders: String, cents: u64) -> Result<u64> {
    Ok(cents + orders.len() as u64)
}

fn main() {}
