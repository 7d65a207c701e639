use flow_engine::prelude::*;

#[flow(schedule = "0 7 * * *", timezone = "Zürich")]
async fn daily() -> Result<()> {
    Ok(())
}

fn main() {}
