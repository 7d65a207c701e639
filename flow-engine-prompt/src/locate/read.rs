//! Reading a prompt file.

use std::path::PathBuf;

use super::Located;

/// A prompt file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file system refused. Check the file's permissions.
    #[error("cannot read the prompt {shown}")]
    Io {
        /// The file, relative to the workspace.
        shown: String,
        /// The file on this machine.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not text in UTF-8. Save it in that encoding.
    #[error("the prompt {shown} is not UTF-8 text: line {line} has bytes that are no character")]
    NotUtf8 {
        /// The file, relative to the workspace.
        shown: String,
        /// The first line that is not UTF-8, counted from 1.
        line: usize,
        /// The byte at which it goes wrong.
        source: std::str::Utf8Error,
    },
}

impl Located {
    /// Reads the file. A byte order mark and CRLF line endings are left as they are: [`parse`](crate::parse) copes.
    ///
    /// # Errors
    /// If the file cannot be read, or is not UTF-8.
    pub fn read(&self) -> Result<String, ReadError> {
        let bytes = std::fs::read(&self.path).map_err(|source| ReadError::Io {
            shown: self.shown.clone(),
            path: self.path.clone(),
            source,
        })?;
        String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.split(|byte| *byte == b'\n').count();
            ReadError::NotUtf8 {
                shown: self.shown.clone(),
                line,
                source: error.utf8_error(),
            }
        })
    }
}
