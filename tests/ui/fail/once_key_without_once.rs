use flow_engine::prelude::*;

#[step(key = "charge-{order_id}")]
async fn charge(order_id: String) -> Result<usize> {
    Ok(order_id.len())
}

fn main() {}
