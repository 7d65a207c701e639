//! What the effect of a `once` step is known by.

use std::fmt::Write as _;

use crate::error::{Error, ErrorKind};

/// In characters.
const LONGEST: usize = 500;

/// What an input must be to be a part of a key: it shows itself as a text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of a `key`",
    label = "a key is a text, made of inputs that show themselves as one",
    note = "take an input that is a text, a number or an id; for a type of your own, implement `std::fmt::Display`"
)]
pub trait KeyPart: std::fmt::Display {}

#[diagnostic::do_not_recommend]
impl<T: std::fmt::Display> KeyPart for T {}

/// Called by the macros, as a function, so that a wrong type is one error at that type.
pub fn key_part<T: KeyPart>(part: &T, key: &mut String) {
    // Only a text that is full could fail, and this one grows.
    let _ = write!(key, "{part}");
}

/// The key, if an effect can be known by it.
pub(crate) fn checked(key: String) -> Result<String, Error> {
    let count = key.chars().count();
    let control = key.chars().find(|character| character.is_control());
    let wrong = match control {
        _ if key.trim().is_empty() => "is empty".to_owned(),
        Some(control) => format!("holds the control character {control:?}"),
        None if count > LONGEST => format!("has {count} characters"),
        None => return Ok(key),
    };
    let message = format!(
        "the key of the effect {wrong}: it takes 1 to {LONGEST} characters, and no control characters"
    );
    Err(Error::new(ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_could_not_be_kept_is_refused_with_what_it_takes() {
        for (key, wrong) in [
            ("", "is empty"),
            ("  ", "is empty"),
            ("a\0b", "holds the control character '\\0'"),
            (&"é".repeat(501), "has 501 characters"),
        ] {
            let error = checked(key.to_owned()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(format!("{error:#}").contains(wrong), "{error:#}");
        }
        let longest = "é".repeat(500);
        assert_eq!(checked(longest.clone()).unwrap(), longest);
    }
}
