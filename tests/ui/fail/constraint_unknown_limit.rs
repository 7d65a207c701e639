use flow_engine::prelude::*;

#[data]
struct Rating {
    #[check(range(maximum = 5))]
    stars: u8,
}

fn main() {}
