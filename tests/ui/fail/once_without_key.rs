use flow_engine::prelude::*;

#[step(once)]
async fn charge(order_id: String, cents: u64) -> Result<u64> {
    Ok(cents + order_id.len() as u64)
}

fn main() {}
