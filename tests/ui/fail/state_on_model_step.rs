use flow_engine::prelude::*;

#[derive(Clone)]
struct Client;

#[step(prompt = "summarize.md")]
async fn shorten(content: String, #[state] client: Client) -> String;

fn main() {}
