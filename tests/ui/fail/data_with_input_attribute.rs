use flow_engine::prelude::*;

#[data]
struct Summary {
    #[input(length(max = 80))]
    title: String,
}

fn main() {}
