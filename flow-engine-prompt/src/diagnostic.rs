//! One mistake in a prompt file, shown with its position and its line.

use std::fmt;
use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::{Text, floor};

/// Longer lines are cut around the mistake: a prompt's paragraph is often one line.
const MAX_COLUMNS: usize = 120;

/// A mistake in a prompt file.
///
/// `Display` shows it as compilers do:
///
/// ```text
/// unknown variable `contnet` in the prompt; did you mean `content`?
///  --> prompts/summarize.md:3:14
///   |
/// 3 | Summarise {{ contnet }} and {{ audience }}.
///   |              ^^^^^^^
/// ```
///
/// followed by `  = help: …` where there is a [`help`](Self::help).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, on one line.
    pub message: String,
    /// Where it is.
    pub location: Location,
    /// What to do about it, where the message does not say so.
    pub help: Option<String>,
}

/// A place in a prompt file. `Display` shows it as the lines below the message of a [`Diagnostic`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file, as it is shown to the user (relative to the workspace).
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The line with carets below the place, in the layout of the example at [`Diagnostic`] (from the first `|` on).
    pub snippet: String,
    offset: usize,
}

impl Diagnostic {
    pub(crate) fn new(text: Text<'_>, range: Range<usize>, message: String) -> Self {
        Self {
            message,
            location: Location::new(text, range),
            help: None,
        }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The byte offset in the file, by which diagnostics are ordered.
    pub(crate) fn offset(&self) -> usize {
        self.location.offset
    }
}

impl Location {
    pub(crate) fn new(text: Text<'_>, range: Range<usize>) -> Self {
        let start = floor(text.source, range.start).max(text.start());
        let line_range = text.line_range(start);
        // An error at the end of a file points behind the last line's text.
        let start = start.min(line_range.end);
        let end = floor(text.source, range.end).clamp(start, line_range.end);
        let before = &text.source[line_range.start..start];
        let line = text.line_number(start);
        Self {
            file: text.name.to_owned(),
            line,
            column: 1 + before.chars().count(),
            snippet: snippet(
                line,
                before,
                &text.source[start..end],
                &text.source[end..line_range.end],
            ),
            offset: start,
        }
    }

    /// Blanks as wide as the line's number.
    fn gutter(&self) -> String {
        " ".repeat(self.line.to_string().len())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            snippet,
            ..
        } = self;
        write!(f, "{}--> {file}:{line}:{column}\n{snippet}", self.gutter())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.location)?;
        match &self.help {
            Some(help) => write!(f, "\n{} = help: {help}", self.location.gutter()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// The quoted line, with carets below `marked`.
fn snippet(line: usize, before: &str, marked: &str, after: &str) -> String {
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let (mut before, marked, mut after) = (printable(before), printable(marked), printable(after));
    let room = MAX_COLUMNS.saturating_sub(marked.width().min(MAX_COLUMNS)) / 2;
    if before.width() > room && before.width() + marked.width() + after.width() > MAX_COLUMNS {
        let kept = before.chars().rev().take(room).collect::<Vec<_>>();
        before = std::iter::once('…').chain(kept.into_iter().rev()).collect();
    }
    if before.width() + marked.width() + after.width() > MAX_COLUMNS {
        let room = MAX_COLUMNS.saturating_sub(before.width() + marked.width());
        after = after
            .chars()
            .take(room)
            .chain(std::iter::once('…'))
            .collect();
    }
    let shown = if marked.width() > MAX_COLUMNS {
        marked
            .chars()
            .take(MAX_COLUMNS)
            .chain(std::iter::once('…'))
            .collect()
    } else {
        marked
    };
    format!(
        "{gutter} |\n{number} | {before}{shown}{after}\n{gutter} | {}{}",
        " ".repeat(before.width()),
        "^".repeat(shown.width().max(1)),
    )
}

/// What a terminal shows in one known width: tabs as four blanks, control characters as a replacement.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => shown.push_str("    "),
            // Control characters and direction overrides have no width of their own.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => shown.push('\u{fffd}'),
            character if character.width().is_none() => shown.push('\u{fffd}'),
            character => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests;
