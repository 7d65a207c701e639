use flow_engine::prelude::*;

#[data]
struct Rating {
    #[check(length(max = 5))]
    stars: u8,
}

fn main() {}
