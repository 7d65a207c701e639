use flow_engine::prelude::*;

#[flow(schedule = "0 24 * * *")]
async fn nightly() -> Result<()> {
    Ok(())
}

#[flow(schedule = "every day at seven")]
async fn daily() -> Result<()> {
    Ok(())
}

#[flow(schedule = 7)]
async fn at_seven() -> Result<()> {
    Ok(())
}

#[flow(schedule = "@reboot")]
async fn at_first() -> Result<()> {
    Ok(())
}

fn main() {}
