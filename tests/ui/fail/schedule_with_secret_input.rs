use flow_engine::prelude::*;

#[flow(schedule = "0 7 * * *")]
async fn daily(#[input(secret, default = "none")] key: String) -> Result<usize> {
    Ok(key.len())
}

fn main() {}
