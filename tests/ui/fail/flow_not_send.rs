use flow_engine::prelude::*;

use std::rc::Rc;

#[step(prompt = "summarize.md")]
async fn shorten(content: String) -> String;

#[flow]
async fn process(content: String) -> Result<String> {
    let shared = Rc::new(content);
    let short = shorten(shared.as_str()).await?;
    Ok(format!("{shared} {short}"))
}

fn main() {}
