use flow_engine::prelude::*;

#[flow(schedule = "0 7 * * *")]
async fn daily(topic: String, #[input(default = 3)] parts: u32) -> Result<String> {
    Ok(topic.repeat(parts as usize))
}

fn main() {}
