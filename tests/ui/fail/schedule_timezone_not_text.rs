use flow_engine::prelude::*;

#[flow(schedule = "0 7 * * *", timezone = 1)]
async fn daily() -> Result<()> {
    Ok(())
}

fn main() {}
