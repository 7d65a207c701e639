use flow_engine::prelude::*;

#[step(schedule = "0 7 * * *")]
async fn fetch() -> Result<()> {
    Ok(())
}

fn main() {}
