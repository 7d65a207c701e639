use flow_engine::prelude::*;

#[step(prompt = "sumarize.md")]
async fn shorten(content: String) -> String;

#[flow(steps = 3)]
async fn process(content: String) -> Result<String> {
    Ok(shorten(content).await?)
}

fn main() {}
