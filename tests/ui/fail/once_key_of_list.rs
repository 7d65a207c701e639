use flow_engine::prelude::*;

#[step(once, key = "charge-{orders}")]
async fn charge(orders: Vec<String>) -> Result<usize> {
    Ok(orders.len())
}

fn main() {}
