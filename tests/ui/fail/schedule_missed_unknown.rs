use flow_engine::prelude::*;

#[flow(schedule = "0 7 * * *", missed = "twice")]
async fn daily() -> Result<()> {
    Ok(())
}

fn main() {}
