use flow_engine::prelude::*;

#[data]
struct Article {
    #[check(lenght(max = 5), range(mx = 3), pattern = "(")]
    title: String,
    #[check]
    pages: u32,
}

fn main() {}
