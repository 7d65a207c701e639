use flow_engine::prelude::*;

#[data]
struct Article {
    #[check(length(min = 1))]
    #[check(length(max = 5))]
    tags: Vec<String>,
}

fn main() {}
