use flow_engine::prelude::*;

#[step(once, key = "charge-{order_id}", retries = 3, cache = "7d")]
async fn charge(order_id: String) -> Result<usize> {
    Ok(order_id.len())
}

fn main() {}
