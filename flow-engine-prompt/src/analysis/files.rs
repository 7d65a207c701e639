//! Messages that are put together of several files: `{% include %}`, `{% extends %}`, `{% block %}`.

use minijinja::machinery::{Span, ast};

use super::Walker;
use super::unit::Unit;
use crate::diagnostic::Location;
use crate::suggest::{did_you_mean, list};

/// One definition of a block, in the unit that has it.
#[derive(Clone, Copy)]
pub(super) struct Block<'w> {
    unit: &'w Unit<'w>,
    name: &'w str,
    body: &'w [ast::Stmt<'w>],
}

impl<'w> Walker<'w> {
    /// Walks a message or a file.
    pub(super) fn unit(&mut self, unit: &'w Unit<'w>) {
        let outer = std::mem::replace(&mut self.unit, unit);
        self.open.push(unit.name());
        if let Some(template) = unit.template() {
            match extended(template) {
                Some(name) => self.extending(template, name),
                None => self.statements(template),
            }
        }
        self.open.pop();
        self.unit = outer;
    }

    pub(super) fn include(&mut self, tag: &'w ast::Include<'w>, span: Span) {
        if tag.ignore_missing {
            let (start, end) = (span.start_offset as usize, span.end_offset as usize);
            let message = "`ignore missing` has no use: what is included is a part of the program";
            self.error(start, end, message.to_owned());
        }
        if let Some(file) = self.file(&tag.name) {
            // It has its own blocks, and fills none of those around it.
            let blocks = std::mem::take(&mut self.blocks);
            let repeated = self.repeated.take();
            self.unit(file);
            self.repeated = repeated;
            self.blocks = blocks;
        }
    }

    /// The file that is meant by `name`.
    fn file(&mut self, name: &ast::Expr<'_>) -> Option<&'w Unit<'w>> {
        let range = name.span().start_offset as usize..name.span().end_offset as usize;
        let Some(name) = text(name) else {
            let message =
                "the name of the file must be a text in quotes, so that the file is known here";
            self.error(range.start, range.end, message.to_owned());
            return None;
        };
        let found = self.files.find(self.unit.name(), name);
        let message = match found {
            Some(file) if self.open.contains(&file.name()) => {
                format!("{} includes itself", file.name())
            }
            Some(file) => return Some(file),
            None => format!("there is no file `{name}` to include"),
        };
        let place = Location::new(self.unit.text, self.unit.place(range.clone()));
        if self.faults.iter().all(|fault| fault.location != place) {
            self.error(range.start, range.end, message);
        }
        None
    }

    /// A template that fills the blocks of another: its own text is none of the message.
    fn extending(&mut self, template: &'w [ast::Stmt<'w>], name: &ast::Expr<'_>) {
        self.no_text(template);
        for statement in template {
            match statement {
                ast::Stmt::Extends(_)
                | ast::Stmt::Block(_)
                | ast::Stmt::EmitRaw(_)
                | ast::Stmt::EmitExpr(_) => {}
                other => self.statement(other),
            }
        }
        let depth = self.blocks.len();
        let unit = self.unit;
        let mut own = Vec::new();
        blocks_in(template, &mut own);
        self.blocks.extend(own.iter().map(|block| Block {
            unit,
            name: block.name,
            body: &block.body,
        }));
        if let Some(file) = self.file(name) {
            let mut known = Vec::new();
            self.blocks_above(file, &mut known);
            for block in own {
                if !known.contains(&block.name) {
                    self.no_such_block(block, &known);
                }
            }
            self.unit(file);
        }
        self.blocks.truncate(depth);
    }

    /// Reports what would be printed outside of the blocks.
    fn no_text(&mut self, statements: &'w [ast::Stmt<'w>]) {
        for statement in statements {
            match statement {
                ast::Stmt::EmitRaw(raw) if !raw.raw.trim().is_empty() => {
                    let blank = raw.raw.len() - raw.raw.trim_start().len();
                    let start = raw.span().start_offset as usize + blank;
                    let first = raw.raw.trim().lines().next().unwrap_or_default();
                    self.outside_of_blocks(start, start + first.len());
                }
                ast::Stmt::EmitExpr(emit) => {
                    let span = emit.expr.span();
                    self.outside_of_blocks(span.start_offset as usize, span.end_offset as usize);
                }
                ast::Stmt::IfCond(_) | ast::Stmt::ForLoop(_) | ast::Stmt::WithBlock(_) => {
                    for body in super::unit::bodies(statement) {
                        self.no_text(body);
                    }
                }
                _ => {}
            }
        }
    }

    /// The names of the blocks that a file has, and those that it extends.
    fn blocks_above(&self, file: &'w Unit<'w>, names: &mut Vec<&'w str>) {
        let Some(template) = file.template() else {
            return;
        };
        let mut blocks = Vec::new();
        blocks_in(template, &mut blocks);
        // A chain that comes back to itself is reported where it is walked.
        let before = names.len();
        names.extend(blocks.iter().map(|block| block.name));
        let above = extended(template)
            .and_then(text)
            .and_then(|name| self.files.find(file.name(), name));
        if let Some(above) = above
            && before < MOST_BLOCKS
            && above.name() != file.name()
        {
            self.blocks_above(above, names);
        }
    }

    fn no_such_block(&mut self, block: &ast::Spanned<ast::Block<'w>>, known: &[&str]) {
        let near = did_you_mean(block.name, known.iter().copied());
        let near = if near.is_empty() {
            format!("; it has {}", list(known.iter().copied()))
        } else {
            near
        };
        let start = block.span().start_offset as usize;
        let message = format!(
            "the file that is extended has no block `{}`{near}",
            block.name
        );
        self.error(start, start + "block".len(), message);
    }

    fn outside_of_blocks(&mut self, start: usize, end: usize) {
        let message = "this is outside of the blocks, and so not a part of the message";
        self.error(start, end, message.to_owned());
    }

    /// A block where it stands in the file that is extended: as the first that fills it has it.
    pub(super) fn block(&mut self, name: &'w str, body: &'w [ast::Stmt<'w>]) {
        let mut definitions: Vec<Block<'w>> = self
            .blocks
            .iter()
            .filter(|block| block.name == name)
            .copied()
            .collect();
        definitions.push(Block {
            unit: self.unit,
            name,
            body,
        });
        self.filled(&definitions);
    }

    /// Walks the first definition; those that it repeats by `super()` are the rest.
    fn filled(&mut self, definitions: &[Block<'w>]) {
        let Some((first, rest)) = definitions.split_first() else {
            return;
        };
        let outer_unit = std::mem::replace(&mut self.unit, first.unit);
        let outer_rest = self.repeated.replace(rest.to_vec());
        self.scopes.push();
        self.statements(first.body);
        self.scopes.pop();
        self.repeated = outer_rest;
        self.unit = outer_unit;
    }

    /// `super()`: true if it is one.
    pub(super) fn repeats(&mut self, function: &str, start: usize) -> bool {
        let Some(rest) = self.repeated.clone().filter(|_| function == "super") else {
            return false;
        };
        if rest.is_empty() {
            let message = "there is no block above this one that `super()` could stand for";
            self.error(start, start + function.len(), message.to_owned());
        }
        self.filled(&rest);
        true
    }
}

/// Of a chain of files that extend each other, more are not looked at.
const MOST_BLOCKS: usize = 1000;

/// What the template extends.
fn extended<'w>(template: &'w [ast::Stmt<'w>]) -> Option<&'w ast::Expr<'w>> {
    let first = template.iter().find(
        |statement| !matches!(statement, ast::Stmt::EmitRaw(raw) if raw.raw.trim().is_empty()),
    );
    match first {
        Some(ast::Stmt::Extends(tag)) => Some(&tag.name),
        _ => None,
    }
}

fn text<'a>(name: &'a ast::Expr<'_>) -> Option<&'a str> {
    match name {
        ast::Expr::Const(constant) => constant.value.as_str(),
        _ => None,
    }
}

/// The blocks among the statements, also inside of others.
fn blocks_in<'w>(
    statements: &'w [ast::Stmt<'w>],
    found: &mut Vec<&'w ast::Spanned<ast::Block<'w>>>,
) {
    for statement in statements {
        if let ast::Stmt::Block(block) = statement {
            found.push(block);
        }
        for body in super::unit::bodies(statement) {
            blocks_in(body, found);
        }
    }
}
