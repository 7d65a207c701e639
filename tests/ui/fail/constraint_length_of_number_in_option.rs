use flow_engine::prelude::*;

#[step]
async fn wait(#[input(length(max = 5))] seconds: Option<u32>) {
    let _ = seconds;
}

fn main() {}
