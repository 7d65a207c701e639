//! The template's tags, as far as nesting goes: what is open where a role line stands, and what is never closed.
//!
//! The template parser knows one section at a time and reports an unclosed block at the section's end. This scan
//! knows where the block was opened. It follows the template lexer in what it takes for a tag, a string, a comment
//! and a raw block.

use std::ops::Range;

/// What is wrong with the nesting. The ranges are those of whole tags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A stop lies inside a block, a comment or a raw block.
    Inside {
        stop: usize,
        opener: Range<usize>,
        closer: String,
    },
    /// A block, comment, raw block or expression has no end.
    Unclosed {
        opener: Range<usize>,
        closer: String,
    },
    /// An end tag that ends nothing, or not what is open.
    Stray {
        tag: Range<usize>,
        open: Option<Range<usize>>,
    },
}

/// Scans `range` of `source`. `stops` are the offsets, in order, at which nothing may be open.
pub(crate) fn scan(source: &str, range: Range<usize>, stops: &[usize]) -> Vec<Problem> {
    let mut scan = Scan {
        source,
        end: range.end,
        stops,
        open: Vec::new(),
        problems: Vec::new(),
    };
    let mut at = range.start;
    while let Some((start, kind)) = scan.next_tag(at) {
        scan.pass_stops(start);
        at = scan.tag(start, kind);
    }
    scan.pass_stops(range.end);
    for block in std::mem::take(&mut scan.open) {
        let closer = block.closer();
        scan.problems.push(Problem::Unclosed {
            opener: block.tag,
            closer,
        });
    }
    scan.problems
}

/// The tag at `range` on one line, cut if it is long, for use in a message.
pub(crate) fn shown(source: &str, range: Range<usize>) -> String {
    const MAX_CHARS: usize = 60;
    let tag = source[range]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    match tag.char_indices().nth(MAX_CHARS) {
        Some((cut, _)) => format!("{}…", &tag[..cut]),
        None => tag,
    }
}

/// The tags that open a block; each is closed by `end` and its own name.
const BLOCKS: [&str; 9] = [
    "for",
    "if",
    "with",
    "set",
    "autoescape",
    "filter",
    "block",
    "macro",
    "call",
];

struct Block<'s> {
    name: &'s str,
    tag: Range<usize>,
}

impl Block<'_> {
    fn closer(&self) -> String {
        format!("{{% end{} %}}", self.name)
    }
}

struct Scan<'s> {
    source: &'s str,
    end: usize,
    /// Those not passed yet.
    stops: &'s [usize],
    open: Vec<Block<'s>>,
    problems: Vec<Problem>,
}

impl Scan<'_> {
    /// The next `{{`, `{%` or `{#` from `at` on.
    fn next_tag(&self, at: usize) -> Option<(usize, u8)> {
        let bytes = self.source.as_bytes();
        (at..self.end.saturating_sub(1))
            .find(|at| bytes[*at] == b'{' && matches!(bytes[at + 1], b'{' | b'%' | b'#'))
            .map(|at| (at, bytes[at + 1]))
    }

    /// Reports the innermost open block at each stop before `to`, and forgets what is open: one forgotten end tag
    /// is one mistake, not one for every role line after it.
    fn pass_stops(&mut self, to: usize) {
        while let Some((stop, rest)) = self.stops.split_first().filter(|(stop, _)| **stop < to) {
            self.stops = rest;
            if let Some(block) = self.open.pop() {
                let closer = block.closer();
                self.problems.push(Problem::Inside {
                    stop: *stop,
                    opener: block.tag,
                    closer,
                });
                self.open.clear();
            }
        }
    }

    /// Handles the tag at `start` and gives the offset behind it.
    fn tag(&mut self, start: usize, kind: u8) -> usize {
        match kind {
            b'#' => {
                let end = self.source[start..self.end]
                    .find("#}")
                    .map(|end| start + end + 2);
                self.opaque(start..start + 2, end, "#}")
            }
            b'%' if self.is_raw(start) => {
                let tag = start..self.tag_end(start, kind).unwrap_or(self.end);
                let end = self.raw_end(tag.end);
                self.opaque(tag, end, "{% endraw %}")
            }
            _ => match self.tag_end(start, kind) {
                Ok(end) => {
                    if kind == b'%' {
                        self.statement(start..end);
                    }
                    end
                }
                Err(opener) => {
                    let closer = match self.source.as_bytes()[opener.start] {
                        b'"' => "\"",
                        b'\'' => "'",
                        _ if kind == b'%' => "%}",
                        _ => "}}",
                    };
                    let closer = closer.to_owned();
                    self.problems.push(Problem::Unclosed { opener, closer });
                    self.limit()
                }
            },
        }
    }

    /// Skips what the template does not look into, up to `end`.
    fn opaque(&mut self, opener: Range<usize>, end: Option<usize>, closer: &str) -> usize {
        let mut stopped = false;
        while let Some((stop, rest)) = self
            .stops
            .split_first()
            .filter(|(stop, _)| **stop < end.unwrap_or(self.end))
        {
            self.stops = rest;
            if !stopped {
                let (stop, opener, closer) = (*stop, opener.clone(), closer.to_owned());
                self.problems.push(Problem::Inside {
                    stop,
                    opener,
                    closer,
                });
            }
            stopped = true;
        }
        if end.is_none() && !stopped {
            self.problems.push(Problem::Unclosed {
                opener,
                closer: closer.to_owned(),
            });
        }
        end.unwrap_or(self.end)
    }

    /// Where a tag ends at the latest: a role line is never inside of one.
    fn limit(&self) -> usize {
        self.stops.first().map_or(self.end, |stop| *stop)
    }

    /// The offset behind the tag's end. Strings and brackets are skipped: `{{ {"a": {}} }}` ends at the last braces.
    /// Without an end, the tag's or the string's opener.
    fn tag_end(&self, start: usize, kind: u8) -> Result<usize, Range<usize>> {
        let bytes = &self.source.as_bytes()[..self.limit()];
        let (mut at, mut depth) = (start + 2, 0_usize);
        while at < bytes.len() {
            match bytes[at] {
                quote @ (b'"' | b'\'') => at = string_end(bytes, at, quote).ok_or(at..at + 1)?,
                b'%' if kind == b'%' && depth == 0 && bytes.get(at + 1) == Some(&b'}') => {
                    return Ok(at + 2);
                }
                b'}' if kind == b'{' && depth == 0 && bytes.get(at + 1) == Some(&b'}') => {
                    return Ok(at + 2);
                }
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        Err(start..start + 2)
    }

    fn statement(&mut self, tag: Range<usize>) {
        let inner = self.source[tag.start + 2..tag.end - 2]
            .trim_matches(['-', '+'])
            .trim();
        let (name, rest) = inner.split_at(inner.bytes().take_while(|byte| is_word(*byte)).count());
        if let Some(name) = BLOCKS.into_iter().find(|block| *block == name) {
            if name != "set" || opens_set_block(rest) {
                self.open.push(Block { name, tag });
            }
        } else if let Some(ended) = name
            .strip_prefix("end")
            .filter(|ended| BLOCKS.contains(ended))
        {
            self.end_tag(ended, tag);
        }
    }

    fn end_tag(&mut self, ended: &str, tag: Range<usize>) {
        if let Some(depth) = self.open.iter().rposition(|block| block.name == ended) {
            for forgotten in self.open.drain(depth + 1..) {
                let closer = forgotten.closer();
                self.problems.push(Problem::Unclosed {
                    opener: forgotten.tag,
                    closer,
                });
            }
            self.open.pop();
        } else {
            // Most likely the wrong word: what is open is taken as closed.
            let open = self.open.pop().map(|block| block.tag);
            self.problems.push(Problem::Stray { tag, open });
        }
    }

    fn is_raw(&self, start: usize) -> bool {
        let rest = self.source[start + 2..self.end]
            .trim_start_matches(['-', '+'])
            .trim_ascii_start();
        rest.strip_prefix("raw").is_some_and(|rest| {
            rest.trim_ascii_start()
                .trim_start_matches(['-', '+'])
                .starts_with("%}")
        })
    }

    /// The offset behind the `{% endraw %}` that follows `from`.
    fn raw_end(&self, from: usize) -> Option<usize> {
        let text = &self.source[..self.end];
        text[from..].match_indices("{%").find_map(|(at, _)| {
            let inner = text[from + at + 2..]
                .trim_start_matches(['-', '+'])
                .trim_ascii_start();
            let rest = inner
                .strip_prefix("endraw")?
                .trim_ascii_start()
                .trim_start_matches(['-', '+']);
            rest.strip_prefix("%}").map(|rest| text.len() - rest.len())
        })
    }
}

/// The offset of the quote that ends the string at `start`.
fn string_end(bytes: &[u8], start: usize, quote: u8) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// `{% set x %}…{% endset %}` is a block, `{% set x = 1 %}` is not.
fn opens_set_block(target: &str) -> bool {
    let behind = target.trim_start_matches(|character: char| {
        character.is_whitespace()
            || character.is_alphanumeric()
            || matches!(character, '_' | '.' | ',' | '(' | ')')
    });
    !behind.starts_with('=')
}

#[cfg(test)]
mod tests;
