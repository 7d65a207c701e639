use flow_engine::prelude::*;

#[flow(timezone = "Europe/Zurich")]
async fn daily() -> Result<()> {
    Ok(())
}

fn main() {}
