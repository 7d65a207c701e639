//! What artifacts are called, and where that stands.

use sha2::{Digest as _, Sha256};

use super::failed;
use crate::error::Error;

/// What a reference to an artifact begins with.
pub(crate) const SCHEME: &str = "artifact:";

/// The reference to the artifact with this content.
pub(crate) fn reference(content: &[u8], ending: &str) -> String {
    format!("{SCHEME}{}.{ending}", hash(content))
}

pub(super) fn hash(content: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        for digit in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(digit.into(), 16));
        }
    }
    hex
}

/// The name in the store.
pub(super) fn name(reference: &str) -> Result<&str, Error> {
    let is_name = |name: &&str| {
        name.split_once('.').is_some_and(|(hash, ending)| {
            is_hash(hash) && ending.bytes().all(|letter| letter.is_ascii_alphanumeric())
        })
    };
    let name = reference.strip_prefix(SCHEME).filter(is_name);
    name.ok_or_else(|| {
        failed(format!(
            "`{reference}` is not in the artifact store: fetch it from where it is"
        ))
    })
}

/// The names of the artifacts to which a text refers, wherever in it.
pub(crate) fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(SCHEME).skip(1).filter_map(|rest| {
        let dot = rest.find('.').filter(|dot| is_hash(&rest[..*dot]))?;
        let ending = rest[dot + 1..]
            .bytes()
            .take_while(u8::is_ascii_alphanumeric)
            .count();
        (ending > 0).then(|| &rest[..=dot + ending])
    })
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let hash = "0a".repeat(32);
        let text = format!(
            r#"{{"a":"artifact:{hash}.png","b":"[\"artifact:{hash}.jpg\"]","c":"artifact:{hash}","d":"artifact:ab.png",
            "e":"artifact:{hash}.","f":"artifact:artifact:{hash}.gif ü"}}"#
        );
        let names: Vec<&str> = names_in(&text).collect();
        assert_eq!(
            names,
            [".png", ".jpg", ".gif"].map(|ending| format!("{hash}{ending}"))
        );
        assert_eq!(names_in("no artifact: here.png").count(), 0);
    }
}
