use flow_engine::prelude::*;

struct Client;

#[flow]
async fn shorten(content: String, #[state] client: Client) -> String {
    let _ = client;
    content
}

fn main() {}
