use flow_engine::prelude::*;

#[step(prompt = "includes_roles.md")]
async fn shorten() -> String;

fn main() {}
