//! Why a prompt could not be rendered.

use std::fmt;

/// A prompt could not be compiled or rendered.
///
/// `Display` is one line that begins with the position, for example
/// ``prompts/bill.md:7:4: `note` is none here; …``. The template engine's own error is the
/// [`source`](std::error::Error::source).
#[derive(Debug, Clone)]
pub struct RenderError {
    message: String,
    file: String,
    position: Option<(usize, usize)>,
    // Shared, since minijinja's error cannot be cloned.
    source: Option<std::sync::Arc<minijinja::Error>>,
}

impl RenderError {
    pub(crate) fn new(file: &str, position: Option<(usize, usize)>, message: String) -> Self {
        Self {
            message,
            file: file.to_owned(),
            position,
            source: None,
        }
    }

    pub(crate) fn with_source(mut self, source: minijinja::Error) -> Self {
        self.source = Some(std::sync::Arc::new(source));
        self
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

impl std::error::Error for RenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}
