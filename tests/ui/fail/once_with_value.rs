use flow_engine::prelude::*;

#[step(once = true, key = 7)]
async fn charge(order_id: String) -> Result<usize> {
    Ok(order_id.len())
}

fn main() {}
