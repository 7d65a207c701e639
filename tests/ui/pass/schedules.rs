//! A schedule with all that it takes, and inputs that need nobody.

use flow_engine::prelude::*;

#[flow(schedule = "*/5 * * * * *")]
async fn ticks() -> Result<()> {
    Ok(())
}

#[flow(
    schedule = "0 7 * * MON-FRI",
    timezone = "Europe/Zurich",
    missed = "skip"
)]
async fn daily(#[input(default = "all")] topic: String, language: Option<String>) -> Result<usize> {
    Ok(topic.len() + language.map_or(0, |language| language.len()))
}
