//! The identity of a prompt's text.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::includes::Include;
use crate::text::BOM;

/// The prompt id: a SHA-256 in lower-case hex (64 characters, no version prefix), of the file's text, and of what it
/// includes.
///
/// It covers front matter and template alike. Line endings and a byte order mark do not count, so a checkout on
/// Windows has the ids of one on Linux.
pub fn prompt_id(source: &str, includes: &[Include]) -> String {
    if includes.is_empty() {
        return text_id(source);
    }
    let mut parts: Vec<String> = includes
        .iter()
        .map(|include| {
            let Include {
                from,
                name,
                shown,
                source,
            } = include;
            format!("{from}\n{name}\n{shown}\n{}", text_id(source))
        })
        .collect();
    // In whichever order they were read.
    parts.sort();
    parts.insert(0, text_id(source));
    text_id(&parts.join("\n"))
}

/// The SHA-256 of a text in lower-case hex. Line endings and a byte order mark do not count.
pub fn text_id(text: &str) -> String {
    let text = text.strip_prefix(BOM).unwrap_or(text).replace("\r\n", "\n");
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
