use flow_engine::prelude::*;

#[step]
async fn shorten(content: String, #[input(param)] temperature: f64) -> String {
    format!("{content} {temperature}")
}

#[flow]
async fn process(content: String, #[input(param = 1)] temperature: f64) -> String {
    format!("{content} {temperature}")
}

fn main() {}
