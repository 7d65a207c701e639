use flow_engine::prelude::*;

#[step(once, key = "charge-{shop}")]
async fn charge(cents: u64, #[state] shop: String) -> Result<u64> {
    Ok(cents + shop.len() as u64)
}

fn main() {}
