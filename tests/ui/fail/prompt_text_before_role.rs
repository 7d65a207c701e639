use flow_engine::prelude::*;

#[step(prompt = "text_before_role.md")]
async fn shorten(content: String) -> String;

fn main() {}
