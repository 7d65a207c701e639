use flow_engine::prelude::*;

#[step(name = "a name of more than a hundred characters a name of more than a hundred characters a name of more than a hundred characters")]
async fn shorten(content: String) -> String {
    content
}

fn main() {}
