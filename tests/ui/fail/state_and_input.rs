use flow_engine::prelude::*;

#[derive(Clone)]
struct Client;

#[flow]
async fn shorten(content: String, #[state] #[input(default)] client: Client) -> String {
    let _ = client;
    content
}

fn main() {}
