//! The identity of a prompt's text.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::text::BOM;

/// The prompt id: the SHA-256 of the file's text in lower-case hex (64 characters, no version prefix).
///
/// It covers front matter and template alike. Line endings and a byte order mark do not count, so a checkout on
/// Windows has the ids of one on Linux.
pub fn prompt_id(source: &str) -> String {
    let text = source
        .strip_prefix(BOM)
        .unwrap_or(source)
        .replace("\r\n", "\n");
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing into a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests;
