use flow_engine::prelude::*;

#[data(PartialEq)]
struct Summary {
    text: String,
}

fn main() {}
