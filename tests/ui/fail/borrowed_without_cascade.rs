//! Neither the body nor the callers of a fn with a borrowed input are wrong as well.

use flow_engine::prelude::*;

#[flow]
async fn shorten(content: &str, #[input(default = 100)] words: u32) -> String {
    let text: &str = content;
    format!("{text} {words}")
}

#[flow]
async fn process(content: String) -> Result<String> {
    Ok(shorten(&content).words(50).await?)
}

fn main() {}
