//! Slots: lines that are nothing but an input, such as `{{ history }}`, where whole messages can be put.

use std::ops::Range;

use crate::fences::Fences;
use crate::nesting::{self, Problem};
use crate::roles::{Section, trim};
use crate::text::Text;

/// A line of a message's top level that is nothing but `{{ name }}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) name: String,
    /// The line, without its ending.
    pub(crate) line: Range<usize>,
}

/// The slots in a message, in order.
pub(crate) fn find(text: Text<'_>, section: Section) -> Vec<Slot> {
    let mut fences = Fences::default();
    let mut found = Vec::new();
    for (at, line) in text.lines(section.start) {
        if at >= section.end {
            break;
        }
        if !fences.feed(at, line)
            && let Some(name) = name(line)
        {
            found.push(Slot {
                name: name.to_owned(),
                line: at..(at + line.len()).min(section.end),
            });
        }
    }
    // One by one: a scan forgets what is open at the first stop inside of it.
    found.retain(|slot| {
        let problems = nesting::scan(text.source, section.start..section.end, &[slot.line.start]);
        let is_inside = |problem: &Problem| matches!(problem, Problem::Inside { .. });
        !problems.iter().any(is_inside)
    });
    found
}

/// The name in `{{ name }}`.
fn name(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let name = inner.trim_matches('-').trim();
    let is_name = name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_');
    is_name.then_some(name)
}

/// The parts of a message before, between and after the slots; what is blank is left out. With each slot comes the number of
/// parts before it.
pub(crate) fn cut(text: Text<'_>, section: Section, slots: &[Slot]) -> (Vec<Section>, Vec<usize>) {
    let mut parts = Vec::new();
    let mut places = Vec::new();
    let mut start = section.start;
    for slot in slots {
        push(text, section, start..slot.line.start, &mut parts);
        places.push(parts.len());
        start = slot.line.end;
    }
    push(text, section, start..section.end, &mut parts);
    (parts, places)
}

fn push(text: Text<'_>, section: Section, range: Range<usize>, parts: &mut Vec<Section>) {
    let content = trim(text, range);
    if !content.is_empty() {
        parts.push(Section {
            role: section.role,
            start: content.start,
            end: content.end,
        });
    }
}
