//! The text of one prompt file and its positions. Everything else works in byte offsets into the whole file, so
//! that front matter, sections and line endings never shift a position.

use std::ops::Range;

use crate::diagnostic::Diagnostic;

/// The byte order mark that some editors put at the start of a file.
pub(crate) const BOM: char = '\u{feff}';

/// A file's text under the name that messages show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'s> {
    pub(crate) name: &'s str,
    pub(crate) source: &'s str,
}

impl<'s> Text<'s> {
    /// Where the text starts: after a byte order mark, if there is one.
    pub(crate) fn start(self) -> usize {
        if self.source.starts_with(BOM) {
            BOM.len_utf8()
        } else {
            0
        }
    }

    /// The diagnostic for `range`.
    pub(crate) fn error(self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self, range, message.into())
    }

    /// The line around `offset`, without its line ending.
    pub(crate) fn line_range(self, offset: usize) -> Range<usize> {
        let offset = floor(self.source, offset);
        let start = self.source[..offset]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let start = start.max(self.start());
        let end = self.source[start..]
            .find('\n')
            .map_or(self.source.len(), |newline| start + newline);
        start..start + self.source[start..end].trim_end_matches('\r').len()
    }

    /// The 1-based number of the line that holds `offset`.
    pub(crate) fn line_number(self, offset: usize) -> usize {
        1 + self.source[..floor(self.source, offset)]
            .matches('\n')
            .count()
    }

    /// The lines from `start` on: offset of the first byte, and the line without its ending.
    pub(crate) fn lines(self, start: usize) -> impl Iterator<Item = (usize, &'s str)> {
        let mut offset = start;
        self.source[start..].split_inclusive('\n').map(move |line| {
            let at = offset;
            offset += line.len();
            (
                at,
                line.strip_suffix('\n')
                    .map_or(line, |line| line.strip_suffix('\r').unwrap_or(line)),
            )
        })
    }
}

/// The last character boundary at or before `offset`: the template lexer's error spans may end inside a character
/// or behind the end.
pub(crate) fn floor(source: &str, offset: usize) -> usize {
    source.floor_char_boundary(offset)
}
