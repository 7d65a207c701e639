//! Of all items here the lints find the last two only.

#![deny(missing_docs, dead_code, unreachable_pub)]

use flow_engine::prelude::*;

/// Shortens a text.
#[step(prompt = "with_words.md")]
pub async fn shorten(content: String, #[input(default = 100)] words: u32) -> String;

/// Stores a text.
#[step]
pub async fn store(content: String, note: Option<String>) -> Result<()> {
    drop((content, note));
    Ok(())
}

#[flow]
async fn process(content: String) -> Result<String> {
    Ok(content)
}

/// Inner.
mod inner {
    use flow_engine::prelude::*;

    #[flow(version = 2)]
    pub(crate) async fn process_again(content: String) -> String {
        content
    }
}

pub struct Undocumented;

fn uncalled() {}

fn main() {}
