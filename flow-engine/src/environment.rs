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
