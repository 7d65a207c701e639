use flow_engine::prelude::*;

#[step(prompt = "summarize.md")]
async fn shorten(content: String, #[input(param)] temprature: Option<f64>) -> String;

fn main() {}
