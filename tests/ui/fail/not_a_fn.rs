use flow_engine::prelude::*;

#[flow]
struct Shorten {
    content: String,
}

fn main() {}
