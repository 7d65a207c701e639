//! What a prompt's templates refer to, whether that exists, and what they ask of its type.
//!
//! All that touches minijinja's syntax tree, which is not a part of its stable interface, is in this module.

mod calls;
mod expressions;
mod facts;
mod files;
mod filters;
mod operations;
mod scopes;
mod statements;
mod unit;
mod value;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::ast;

use crate::diagnostic::{Diagnostic, Location};
use crate::environment::Known;
use crate::includes::Include;
use crate::nesting;
use crate::prompt_file::PromptFile;
use crate::requirement::{Need, Requirement};
use crate::suggest::{list, nearest};
use crate::text::Text;
use files::Block;
use scopes::Scopes;
use unit::{Files, Slot, Unit};
use value::{Origin, Value};

/// What [`PromptFile::check`](crate::PromptFile::check) found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Everything that is wrong, in the order of the file, then that of the included files.
    pub diagnostics: Vec<Diagnostic>,
    /// The inputs that the prompt refers to.
    pub used: BTreeSet<String>,
    /// What the prompt asks of the inputs' types.
    pub requirements: Vec<Requirement>,
}

/// Checks the templates of a prompt against the names of the inputs.
pub(crate) fn check(file: &PromptFile, inputs: &[&str]) -> Analysis {
    let (text, includes) = (file.text(), file.includes());
    let sections: Vec<Unit<'_>> = file
        .sections()
        .iter()
        .map(|section| Unit::parse(text, section.start..section.end))
        .collect();
    let files: Vec<Unit<'_>> = includes.iter().map(Include::text).map(whole).collect();
    let known = Known::new();
    let mut found = Analysis::default();
    for unit in &sections {
        let mut walker = Walker {
            slots: unit.slots(),
            unit,
            files: Files::new(includes, &files),
            faults: &file.faults,
            inputs,
            known: &known,
            open: Vec::new(),
            blocks: Vec::new(),
            repeated: None,
            scopes: Scopes::default(),
            found,
        };
        walker.unit(unit);
        found = walker.found;
        found.diagnostics.extend_from_slice(&unit.diagnostics);
    }
    for file in &files {
        found.diagnostics.extend_from_slice(&file.diagnostics);
    }
    found.diagnostics.extend_from_slice(&file.faults);
    in_order(&mut found.diagnostics, text.name, includes);
    found
}

/// The lines of the template at `range` that are nothing but a name, such as `{{ history }}`: where messages can be.
pub(crate) fn slots(text: Text<'_>, range: Range<usize>) -> Vec<Slot> {
    Unit::parse(text, range).slots()
}

/// The names of the files that the template at `range` includes, and where they stand in the text.
pub(crate) fn included(text: Text<'_>, range: Range<usize>) -> Vec<(String, Range<usize>)> {
    Unit::parse(text, range).included()
}

fn whole(text: Text<'_>) -> Unit<'_> {
    Unit::parse(text, text.start()..text.source.len())
}

/// Sorts by file and place, and leaves out what was found twice: a file may be included twice.
fn in_order(diagnostics: &mut Vec<Diagnostic>, main: &str, includes: &[Include]) {
    let file = |diagnostic: &Diagnostic| {
        let name = &diagnostic.location.file;
        includes
            .iter()
            .position(|include| *name != main && include.shown == *name)
            .map_or(0, |position| position + 1)
    };
    diagnostics.sort_by_key(|diagnostic| (file(diagnostic), diagnostic.offset()));
    diagnostics.dedup();
}

/// Walks the syntax tree of one section, and of what it includes.
struct Walker<'w> {
    /// Where it is.
    unit: &'w Unit<'w>,
    files: Files<'w>,
    /// What is wrong with included files, which is known before.
    faults: &'w [Diagnostic],
    inputs: &'w [&'w str],
    known: &'w Known,
    /// The lines of the message that are nothing but a name.
    slots: Vec<Slot>,
    /// The files from the prompt to where it is.
    open: Vec<&'w str>,
    /// What fills the blocks of a file that is extended, the nearest to the message first.
    blocks: Vec<Block<'w>>,
    /// Inside of a block, what `super()` stands for.
    repeated: Option<Vec<Block<'w>>>,
    scopes: Scopes<'w>,
    found: Analysis,
}

impl<'w> Walker<'w> {
    /// Reports `start..end` of the template.
    fn error(&mut self, start: usize, end: usize, message: String) {
        let at = self.unit.place(start..end);
        self.found
            .diagnostics
            .push(self.unit.text.error(at, message));
    }

    fn unknown_variable(&mut self, name: &'w str, start: usize) {
        let inputs = self.inputs;
        let hint = match nearest(name, inputs.iter().copied().chain(self.scopes.names())) {
            Some(right) => format!("did you mean `{right}`?"),
            None if inputs.is_empty() => "there are no inputs".to_owned(),
            None if inputs.len() == 1 => {
                format!("the only input is {}", list(inputs.iter().copied()))
            }
            None => format!("the inputs are {}", list(inputs.iter().copied())),
        };
        let begin = format!("unknown variable `{name}` in the prompt; ");
        let is_known = |diagnostic: &Diagnostic| diagnostic.message.starts_with(&begin);
        // Once is enough.
        if !self.found.diagnostics.iter().any(is_known) {
            self.error(start, start + name.len(), begin + &hint);
        }
    }

    /// Asks something of all that a value may be.
    fn require(&mut self, value: &Value<'w>, need: Need, expression: &'w ast::Expr<'w>) {
        for origin in &value.origins {
            self.asked(
                origin,
                origin.path.len(),
                need,
                &origin.text,
                extent(expression),
            );
        }
    }

    /// Notes what is asked at `range` of the template, once.
    fn asked(
        &mut self,
        origin: &Origin<'w>,
        known: usize,
        need: Need,
        expression: &str,
        range: Range<usize>,
    ) {
        let is_same = |one: &Requirement| {
            one.input == origin.input && one.path == origin.path && one.need == need
        };
        if self.found.requirements.iter().any(is_same) {
            return;
        }
        self.found.requirements.push(Requirement {
            input: origin.input.to_owned(),
            path: origin.path.clone(),
            known,
            need,
            expression: expression.to_owned(),
            location: Location::new(self.unit.text, self.unit.place(range)),
        });
    }

    /// An expression as the template has it, cut if it is long.
    fn text_of(&self, expression: &ast::Expr<'_>) -> String {
        nesting::shown(self.unit.source(), extent(expression))
    }
}

/// Where an expression stands: the spans of some are those of their last part.
fn extent(expression: &ast::Expr<'_>) -> Range<usize> {
    let span = expression.span();
    let own = span.start_offset as usize..span.end_offset as usize;
    let between = |first: &ast::Expr<'_>, last: &ast::Expr<'_>| {
        let first = extent(first);
        first.start..extent(last).end.max(first.end)
    };
    let (first, last) = match expression {
        ast::Expr::GetAttr(attribute) => (&attribute.expr, own.end),
        ast::Expr::GetItem(item) => (&item.expr, own.end),
        ast::Expr::Test(test) => (&test.expr, own.end),
        ast::Expr::Filter(filter) => match &filter.expr {
            Some(inner) => (inner, own.end),
            None => return own,
        },
        ast::Expr::BinOp(operation) => return between(&operation.left, &operation.right),
        ast::Expr::IfExpr(choice) => {
            let last = choice.false_expr.as_ref().unwrap_or(&choice.test_expr);
            return between(&choice.true_expr, last);
        }
        _ => return own,
    };
    let start = extent(first).start;
    start..last.max(start)
}

#[cfg(test)]
mod tests;
