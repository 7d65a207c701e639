use flow_engine::prelude::*;

#[data]
fn summary() {}

fn main() {}
