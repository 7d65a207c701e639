use flow_engine::prelude::*;

#[flow(once)]
async fn checkout(order_id: String) -> Result<String> {
    Ok(order_id)
}

fn main() {}
