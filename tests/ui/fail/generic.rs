//! No call can be generated at all, and still the callers are not wrong as well.

use flow_engine::prelude::*;

#[flow]
async fn shorten<T: ToString + Send>(content: T) -> String {
    content.to_string()
}

#[flow]
async fn process(content: String) -> Result<String> {
    Ok(shorten(content).await?)
}

fn main() {}
