use flow_engine::prelude::*;

struct Summary;

#[flow]
async fn shorten(content: String) -> Result<Summary> {
    drop(content);
    Ok(Summary)
}

fn main() {}
