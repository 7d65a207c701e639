use flow_engine::prelude::*;

#[data]
struct Article {
    #[check(pattern = "^[a-z]+$")]
    tags: Vec<String>,
}

fn main() {}
