//! Why a prompt could not be rendered.

use std::fmt;

/// A prompt could not be compiled or rendered.
///
/// `Display` is one line that begins with the position, for example
/// ``prompts/bill.md:7:4: `note` is none here; …``. There is no [`source`](std::error::Error::source): the template
/// engine's own error says the same once more, with the position in one message's template in place of the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    message: String,
    file: String,
    position: Option<(usize, usize)>,
}

impl RenderError {
    pub(crate) fn new(file: &str, position: Option<(usize, usize)>, message: String) -> Self {
        Self {
            message,
            file: file.to_owned(),
            position,
        }
    }

    /// What went wrong, without the position.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The prompt file, as it is shown to the user.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, counted from 1; `None` if the error is about the whole file.
    pub fn line(&self) -> Option<usize> {
        self.position.map(|(line, _)| line)
    }

    /// The column in characters, counted from 1; `None` if the error is about the whole file.
    pub fn column(&self) -> Option<usize> {
        self.position.map(|(_, column)| column)
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for RenderError {}
