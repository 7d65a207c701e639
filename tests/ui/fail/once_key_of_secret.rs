use flow_engine::prelude::*;

#[step(once, key = "charge-{card}")]
async fn charge(#[input(secret)] card: String) -> Result<usize> {
    Ok(card.len())
}

fn main() {}
