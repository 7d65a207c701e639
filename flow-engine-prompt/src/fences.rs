//! Markdown code fences, as `CommonMark` defines them (§4.5): what looks like a role line inside one is text.

/// Whether the lines fed so far are inside a code fence.
#[derive(Default)]
pub(crate) struct Fences {
    open: Option<Fence>,
}

#[derive(Clone, Copy)]
struct Fence {
    marker: u8,
    length: usize,
    /// Byte offset of the opening line.
    offset: usize,
}

impl Fences {
    /// Feeds the next line. `true` if it belongs to a fenced block, its fences included.
    pub(crate) fn feed(&mut self, offset: usize, line: &str) -> bool {
        let fence = fence(line);
        match (self.open, fence) {
            (Some(open), Some((marker, length, info))) => {
                if marker == open.marker && length >= open.length && info.trim().is_empty() {
                    self.open = None;
                }
                true
            }
            (Some(_), None) => true,
            // The info string of a backtick fence has no backtick: else it is inline code.
            (None, Some((marker, length, info))) if marker == b'~' || !info.contains('`') => {
                self.open = Some(Fence {
                    marker,
                    length,
                    offset,
                });
                true
            }
            (None, _) => false,
        }
    }

    /// Where the fence that is still open was opened.
    pub(crate) fn open_since(&self) -> Option<usize> {
        self.open.map(|fence| fence.offset)
    }
}

/// The marker, the length and the info string of a line that has the form of a fence.
fn fence(line: &str) -> Option<(u8, usize, &str)> {
    let text = line.trim_start_matches(' ');
    let marker = *text.as_bytes().first()?;
    let length = text.bytes().take_while(|byte| *byte == marker).count();
    // Four blanks of indentation make a code block of another kind.
    let is_fence = line.len() - text.len() <= 3 && matches!(marker, b'`' | b'~') && length >= 3;
    is_fence.then(|| (marker, length, &text[length..]))
}

#[cfg(test)]
mod tests;
