use flow_engine::prelude::*;

#[data]
struct Rating {
    #[check(range(max = 5))]
    stars: f64,
}

fn main() {}
