//! What a section's template refers to, and whether that exists.

mod expressions;
mod scopes;
mod statements;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::{ast, parse};

use crate::diagnostic::Diagnostic;
use crate::environment::{Known, syntax};
use crate::nesting::{self, Problem};
use crate::roles::Section;
use crate::suggest::{list, nearest};
use crate::text::Text;
use scopes::Scopes;

/// What [`PromptFile::check`](crate::PromptFile::check) found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Everything that is wrong, in file order.
    pub diagnostics: Vec<Diagnostic>,
    /// The inputs that the prompt refers to.
    pub used: BTreeSet<String>,
}

/// Checks the templates of `sections` against the names of the inputs.
pub(crate) fn check(text: Text<'_>, sections: &[Section], inputs: &[&str]) -> Analysis {
    let known = Known::new();
    let mut walker = Walker {
        text,
        inputs,
        known: &known,
        base: 0,
        scopes: Scopes::default(),
        reported: BTreeSet::new(),
        found: Analysis::default(),
    };
    for section in sections {
        walker.section(*section);
    }
    let mut found = walker.found;
    found.diagnostics.sort_by_key(Diagnostic::offset);
    found
}

/// Walks the syntax tree of one section after the other.
struct Walker<'w> {
    text: Text<'w>,
    inputs: &'w [&'w str],
    known: &'w Known,
    /// Offset of the section in the file: the spans of the tree count from there.
    base: usize,
    scopes: Scopes<'w>,
    /// Unknown variables, each of which is reported once.
    reported: BTreeSet<&'w str>,
    found: Analysis,
}

impl<'w> Walker<'w> {
    fn section(&mut self, section: Section) {
        self.base = section.start;
        self.scopes = Scopes::default();
        let source = &self.text.source[section.start..section.end];
        let problems = nesting::scan(self.text.source, section.start..section.end, &[]);
        if !problems.is_empty() {
            for problem in problems {
                self.nesting(problem);
            }
            return;
        }
        match parse(source, self.text.name, syntax()) {
            Ok(ast::Stmt::Template(template)) => self.statements(&template.children),
            Ok(statement) => self.statement(&statement),
            Err(error) => {
                let range = error.range().unwrap_or(0..0);
                let message = syntax_message(error.detail().unwrap_or("this cannot be read"));
                self.error(range.start, range.end, message);
            }
        }
    }

    fn nesting(&mut self, problem: Problem) {
        let tag = |range: &Range<usize>| nesting::shown(self.text.source, range.clone());
        let diagnostic = match problem {
            Problem::Unclosed { opener, closer } | Problem::Inside { opener, closer, .. } => {
                let message = format!("`{}` is never closed", tag(&opener));
                self.text
                    .error(opener, message)
                    .with_help(format!("end it with `{closer}`"))
            }
            Problem::Stray {
                tag: stray,
                open: Some(open),
            } => {
                let line = self.text.line_number(open.start);
                let message = format!(
                    "`{}` does not close `{}`, opened at line {line}",
                    tag(&stray),
                    tag(&open)
                );
                self.text.error(stray, message)
            }
            Problem::Stray {
                tag: stray,
                open: None,
            } => {
                let message = format!("`{}` closes nothing", tag(&stray));
                self.text.error(stray, message)
            }
        };
        self.found.diagnostics.push(diagnostic);
    }

    /// Reports `start..end` of the section.
    fn error(&mut self, start: usize, end: usize, message: String) {
        self.found
            .diagnostics
            .push(self.text.error(self.base + start..self.base + end, message));
    }

    fn unknown_variable(&mut self, name: &'w str, start: usize) {
        if !self.reported.insert(name) {
            return;
        }
        let inputs = self.inputs;
        let hint = match nearest(name, inputs.iter().copied().chain(self.scopes.names())) {
            Some(right) => format!("did you mean `{right}`?"),
            None if inputs.is_empty() => "there are no inputs".to_owned(),
            None if inputs.len() == 1 => {
                format!("the only input is {}", list(inputs.iter().copied()))
            }
            None => format!("the inputs are {}", list(inputs.iter().copied())),
        };
        self.error(
            start,
            start + name.len(),
            format!("unknown variable `{name}` in the prompt; {hint}"),
        );
    }
}

/// The tags of the template language.
const TAGS: [&str; 15] = [
    "for", "if", "elif", "else", "endif", "endfor", "set", "with", "filter", "macro", "call", "do",
    "raw", "break", "continue",
];

fn syntax_message(detail: &str) -> String {
    let Some(tag) = detail.strip_prefix("unknown statement ") else {
        return format!("template syntax: {detail}");
    };
    match nearest(tag, TAGS) {
        Some(right) if right == tag => format!("`{{% {tag} %}}` is out of place here"),
        Some(right) => format!("unknown tag `{tag}`; did you mean `{right}`?"),
        None => format!("unknown tag `{tag}`"),
    }
}

#[cfg(test)]
mod tests;
