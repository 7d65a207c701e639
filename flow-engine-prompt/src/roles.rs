//! Role lines: where one message ends and the next begins.
//!
//! The split looks at the source only. What a template prints is never searched for role lines, so data cannot
//! open a message.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::fences::Fences;
use crate::front_matter::FENCE;
use crate::nesting::{self, Problem};
use crate::text::Text;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instructions.
    System,
    /// The question.
    User,
    /// An answer; in a prompt, an example of one.
    Assistant,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::System, Self::User, Self::Assistant];

    /// The name in role lines and requests, for example `user`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The template of one message: bytes `start..end` of the file, without the blank lines around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Section {
    /// Who says it.
    pub role: Role,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

/// How to write a heading that would be taken for a role line.
const USE_OTHER_WORDS: &str =
    "for a heading, use other words than a role's name alone, such as `# About the user`";

/// What a line outside of code fences is.
enum Line {
    Role(Role),
    /// Meant as a role line, as far as one can tell. Holds the right one.
    Misspelt(Role, &'static str),
    /// A heading of nothing but a role's name.
    WithoutColon(Role),
    Text,
}

/// Splits the text from `body` on at its role lines.
pub(crate) fn split(
    text: Text<'_>,
    body: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Section> {
    let mut role_lines: Vec<(Role, Range<usize>)> = Vec::new();
    let mut mistakes = Vec::new();
    let mut fences = Fences::default();
    let mut fenced_role = None;
    for (at, line) in text.lines(body) {
        let range = at..at + line.trim_end().len();
        let is_code = fences.feed(at, line);
        if fences.open_since().is_none() {
            fenced_role = None;
        }
        match classify(line) {
            Line::Role(_) if is_code => fenced_role = fenced_role.or(Some(range)),
            Line::Role(role) => role_lines.push((role, range)),
            Line::Misspelt(role, why) if !is_code => {
                mistakes.push(misspelt(text, range, role, why));
            }
            Line::WithoutColon(role) if !is_code => {
                mistakes.push(without_colon(text, range, role));
            }
            Line::Misspelt(..) | Line::WithoutColon(_) | Line::Text => {}
        }
    }
    if let (Some(fence), Some(line)) = (fences.open_since(), fenced_role) {
        mistakes.push(text.error(
            line,
            format!(
                "this role line is inside the code fence opened at line {}, which is never closed",
                text.line_number(fence)
            ),
        ));
    }
    if mistakes.is_empty() {
        check_nesting(text, body, &role_lines, &mut mistakes);
    }
    // A wrong role line makes its message look like text before the first one.
    let wrong_lines = !mistakes.is_empty();
    diagnostics.append(&mut mistakes);
    sections(text, body, &role_lines, wrong_lines, diagnostics)
}

/// Reports what an included file cannot have: a role line, which is never in an include, and front matter.
pub(crate) fn check_included(text: Text<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut fences = Fences::default();
    for (at, line) in text.lines(text.start()) {
        let range = at..at + line.trim_end().len();
        let is_code = fences.feed(at, line);
        if at == text.start() && line.trim_end() == FENCE {
            let message = "an included file has no front matter: parameters belong to the prompt";
            diagnostics.push(text.error(range.clone(), message));
        }
        if let (false, Line::Role(_)) = (is_code, classify(line)) {
            let message = "an included file is a part of one message, and so it has no role lines";
            diagnostics.push(text.error(range, message));
        }
    }
}

fn sections(
    text: Text<'_>,
    body: usize,
    role_lines: &[(Role, Range<usize>)],
    wrong_lines: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Section> {
    let first = role_lines
        .first()
        .map_or(text.source.len(), |(_, line)| line.start);
    let preamble = trim(text, body..first);
    if role_lines.is_empty() {
        if preamble.is_empty() {
            diagnostics.push(text.error(body..body, "the prompt is empty"));
        }
        return vec![Section {
            role: Role::User,
            start: preamble.start,
            end: preamble.end,
        }];
    }
    if !preamble.is_empty() && !wrong_lines {
        diagnostics.push(before_first_role(text, preamble));
    }
    let ends = role_lines
        .iter()
        .skip(1)
        .map(|(_, line)| line.start)
        .chain([text.source.len()]);
    let mut sections = Vec::with_capacity(role_lines.len());
    for ((role, line), end) in role_lines.iter().zip(ends) {
        let content = trim(text, line.end..end);
        if content.is_empty() {
            diagnostics.push(text.error(line.clone(), format!("the {role} message is empty")));
        }
        sections.push(Section {
            role: *role,
            start: content.start,
            end: content.end,
        });
    }
    sections
}

fn before_first_role(text: Text<'_>, preamble: Range<usize>) -> Diagnostic {
    let first_line = text.line_range(preamble.start);
    let is_front_matter = text.source[first_line.clone()].trim_end() == "---";
    let content = &text.source[first_line.clone()];
    let shown = first_line.end - content.trim_start().len()..first_line.end;
    if is_front_matter {
        text.error(
            shown,
            "front matter must begin on the first line of the file",
        )
    } else {
        text.error(
            shown,
            "this text is before the first role line, so it belongs to no message",
        )
        .with_help("put it below a role line such as `# system:`")
    }
}

/// A role line inside a block of the template would cut the block in two.
fn check_nesting(
    text: Text<'_>,
    body: usize,
    role_lines: &[(Role, Range<usize>)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let stops: Vec<usize> = role_lines.iter().map(|(_, line)| line.start).collect();
    for problem in nesting::scan(text.source, body..text.source.len(), &stops) {
        // Everything else is the business of the section's own analysis.
        if let Problem::Inside {
            stop,
            opener,
            closer,
        } = problem
        {
            let tag = nesting::shown(text.source, opener.clone());
            diagnostics.push(
                text.error(text.line_range(stop), format!(
                    "a role line must be at top level; this one is inside `{tag}`, opened at line {}",
                    text.line_number(opener.start)
                ))
                .with_help(format!("end it with `{closer}` before the role line")),
            );
        }
    }
}

/// Which role line `line` is, or was meant to be.
fn classify(line: &str) -> Line {
    let trimmed = line.trim_end();
    let Some((word, rest)) = heading(trimmed) else {
        return Line::Text;
    };
    let exact = Role::ALL.into_iter().find(|role| role.as_str() == word);
    let any_case = Role::ALL
        .into_iter()
        .find(|role| role.as_str().eq_ignore_ascii_case(word));
    let canonical_form = trimmed
        .strip_prefix("# ")
        .is_some_and(|text| text.starts_with(word));
    match (exact, any_case) {
        (Some(role), _) if canonical_form && rest == ":" => Line::Role(role),
        (Some(role), _) if canonical_form && rest.starts_with(": ") => {
            Line::Misspelt(role, "the message begins on the line below")
        }
        // `## User:` is rather a role than a heading: a message that goes missing in silence costs more.
        (_, Some(role)) if rest.trim_start() == ":" => Line::Misspelt(role, USE_OTHER_WORDS),
        // So is `# user`, with which a whole file would be one message.
        (_, Some(role)) if rest.is_empty() => Line::WithoutColon(role),
        (None, None) if canonical_form && rest == ":" => match similar(word) {
            Some(role) => Line::Misspelt(role, "the roles are `system`, `user` and `assistant`"),
            None => Line::Text,
        },
        _ => Line::Text,
    }
}

/// The first word of a Markdown heading and what follows it.
fn heading(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start_matches(' ');
    if line.len() - text.len() > 3 {
        return None;
    }
    let word = text.trim_start_matches('#');
    if !(1..=6).contains(&(text.len() - word.len())) {
        return None;
    }
    let word = word.trim_start_matches([' ', '\t']);
    let length = word.bytes().take_while(u8::is_ascii_alphabetic).count();
    (length > 0).then(|| word.split_at(length))
}

/// The role that `word` is a typo of, or another name for.
fn similar(word: &str) -> Option<Role> {
    match word {
        "developer" => return Some(Role::System),
        "human" => return Some(Role::User),
        "model" | "ai" => return Some(Role::Assistant),
        _ => {}
    }
    let word = word.to_lowercase();
    Role::ALL.into_iter().find(|role| {
        // Two letters of `user` make `other`, `over` or `under`, which are headings.
        let allowed = if role.as_str().len() < 6 { 1 } else { 2 };
        strsim::osa_distance(&word, role.as_str()) <= allowed
    })
}

fn misspelt(text: Text<'_>, line: Range<usize>, role: Role, why: &str) -> Diagnostic {
    text.error(
        line,
        format!("this is not a role line; did you mean `# {role}:`?"),
    )
    .with_help(why)
}

fn without_colon(text: Text<'_>, line: Range<usize>, role: Role) -> Diagnostic {
    text.error(
        line,
        format!(
            "this line opens no message, since its colon is missing; did you mean `# {role}:`?"
        ),
    )
    .with_help(USE_OTHER_WORDS)
}

/// `range` without the blank lines around it, and without the blanks at its end.
fn trim(text: Text<'_>, range: Range<usize>) -> Range<usize> {
    let end = range.start + text.source[range.clone()].trim_end().len();
    let content = &text.source[range.start..end];
    let blank = content.len() - content.trim_start().len();
    // Indentation of the first line counts in Markdown.
    let start = content[..blank]
        .rfind('\n')
        .map_or(range.start, |newline| range.start + newline + 1);
    start.min(end)..end
}

#[cfg(test)]
mod tests;
