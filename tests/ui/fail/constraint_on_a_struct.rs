use flow_engine::prelude::*;

#[data]
#[check(length(min = 1))]
struct Article {
    tags: Vec<String>,
}

fn main() {}
