#![deny(unused_must_use)]

use flow_engine::prelude::*;

#[step]
async fn store(content: String) -> Result<()> {
    drop(content);
    Ok(())
}

#[flow]
async fn process(content: String) -> Result<()> {
    store(content);
    Ok(())
}

fn main() {}
