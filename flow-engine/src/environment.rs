//! The process's environment variables.

use std::env::VarError;

use crate::error::{Error, ErrorKind};

/// A variable's value; one that is set to nothing counts as not set.
pub(crate) fn variable(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            let message = format!("the environment variable {name} is not UTF-8 text");
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}

/// An address that was refused, as a message has it: without what may be a key or a password, or the whole of one that was
/// given in its place.
pub(crate) fn shown(address: &str) -> String {
    let is_address = address.is_empty() || address.contains(['.', ':', '/']);
    if !is_address || address.contains('@') {
        return "…".to_owned();
    }
    match address.split_once(['?', '#']) {
        Some((address, _)) => format!("{address}…"),
        None => address.to_owned(),
    }
}
