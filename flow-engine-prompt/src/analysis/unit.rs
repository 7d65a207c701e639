//! What is parsed as one template: the text of a message, or an included file.

use std::ops::Range;

use minijinja::machinery::{Span, ast, parse};

use crate::diagnostic::Diagnostic;
use crate::environment::syntax;
use crate::fences::Fences;
use crate::includes::Include;
use crate::nesting::{self, Problem};
use crate::suggest::nearest;
use crate::text::Text;

/// One template, parsed.
pub(super) struct Unit<'w> {
    pub(super) text: Text<'w>,
    /// The part of the text that is the template: the spans of the tree count from its start.
    range: Range<usize>,
    tree: Option<ast::Stmt<'w>>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// A line that is nothing but a name: `{{ name }}`.
pub(crate) struct Slot {
    pub(crate) name: String,
    /// The name's place in the template.
    pub(crate) at: Range<usize>,
}

/// Whether nothing but the braces of its tag is on the line of the name at `at`.
fn is_alone(source: &str, at: &Range<usize>) -> bool {
    let before = source[..at.start].rsplit('\n').next().unwrap_or_default();
    let after = source[at.end..].split('\n').next().unwrap_or_default();
    let opens = before.trim().trim_end_matches(['-', '+']);
    let closes = after.trim().trim_start_matches(['-', '+']);
    opens == "{{" && closes == "}}"
}

/// The included files, by who includes them under which name.
pub(super) struct Files<'w> {
    links: &'w [Include],
    units: &'w [Unit<'w>],
}

impl<'w> Files<'w> {
    pub(super) fn new(links: &'w [Include], units: &'w [Unit<'w>]) -> Self {
        Self { links, units }
    }

    /// The file that `from` means by `name`.
    pub(super) fn find(&self, from: &str, name: &str) -> Option<&'w Unit<'w>> {
        let link = self
            .links
            .iter()
            .find(|link| link.from == from && link.name == name)?;
        self.units.iter().find(|unit| unit.name() == link.shown)
    }
}

impl<'w> Unit<'w> {
    pub(super) fn parse(text: Text<'w>, range: Range<usize>) -> Self {
        let mut unit = Self {
            text,
            range: range.clone(),
            tree: None,
            diagnostics: Vec::new(),
        };
        for problem in nesting::scan(text.source, range, &[]) {
            let diagnostic = nesting_diagnostic(text, problem);
            unit.diagnostics.push(diagnostic);
        }
        let parsed = parse(unit.source(), text.name, syntax());
        if !unit.diagnostics.is_empty() {
            // `{% fro x in xs %}` opens nothing that its end tag could close.
            let is_unknown_tag = |error: &minijinja::Error| {
                let tag = error.detail().unwrap_or_default().strip_prefix(UNKNOWN_TAG);
                tag.is_some_and(|tag| !TAGS.contains(&tag) && !tag.starts_with("end"))
            };
            if !parsed.as_ref().is_err_and(is_unknown_tag) {
                return unit;
            }
            unit.diagnostics.clear();
        }
        match parsed {
            Ok(tree) => unit.tree = Some(tree),
            Err(error) => {
                let range = error.range().unwrap_or(0..0);
                let message = syntax_message(error.detail().unwrap_or("this cannot be read"));
                let at = unit.range.start + range.start..unit.range.start + range.end;
                unit.diagnostics.push(text.error(at, message));
            }
        }
        unit
    }

    pub(super) fn name(&self) -> &'w str {
        self.text.name
    }

    /// The template's text.
    pub(super) fn source(&self) -> &'w str {
        &self.text.source[self.range.clone()]
    }

    /// The place in the file of a range of the template.
    pub(super) fn place(&self, range: Range<usize>) -> Range<usize> {
        self.range.start + range.start..self.range.start + range.end
    }

    pub(super) fn template(&self) -> Option<&[ast::Stmt<'w>]> {
        match self.tree.as_ref()? {
            ast::Stmt::Template(template) => Some(&template.children),
            other => Some(std::slice::from_ref(other)),
        }
    }

    /// The lines of its top level that are nothing but `{{ name }}`.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let mut found = Vec::new();
        for statement in self.template().unwrap_or_default() {
            let ast::Stmt::EmitExpr(emit) = statement else {
                continue;
            };
            let ast::Expr::Var(variable) = &emit.expr else {
                continue;
            };
            let start = variable.span().start_offset as usize;
            let at = start..start + variable.id.len();
            if is_alone(self.source(), &at) && !self.in_code(start) {
                let name = variable.id.to_owned();
                found.push(Slot { name, at });
            }
        }
        found
    }

    /// Whether the line at `offset` of the template is inside of a code fence.
    fn in_code(&self, offset: usize) -> bool {
        let mut fences = Fences::default();
        let until = self.range.start + offset;
        let mut is_code = false;
        for (at, line) in self.text.lines(self.range.start) {
            if at > until {
                break;
            }
            is_code = fences.feed(at, line);
        }
        is_code
    }

    /// The names of the files that it includes and extends, and where they stand.
    pub(super) fn included(&self) -> Vec<(String, Range<usize>)> {
        let mut found = Vec::new();
        included(self.template().unwrap_or_default(), &mut found);
        found
            .into_iter()
            .map(|(name, span)| {
                let range = span.start_offset as usize..span.end_offset as usize;
                (name, self.place(range))
            })
            .collect()
    }
}

fn included(statements: &[ast::Stmt<'_>], found: &mut Vec<(String, Span)>) {
    for statement in statements {
        let name = match statement {
            ast::Stmt::Include(tag) => Some(&tag.name),
            ast::Stmt::Extends(tag) => Some(&tag.name),
            _ => None,
        };
        if let Some(ast::Expr::Const(name)) = name
            && let Some(text) = name.value.as_str()
        {
            found.push((text.to_owned(), name.span()));
        }
        for body in bodies(statement) {
            included(body, found);
        }
    }
}

/// The statements inside of a statement.
pub(super) fn bodies<'a, 'w>(statement: &'a ast::Stmt<'w>) -> Vec<&'a [ast::Stmt<'w>]> {
    match statement {
        ast::Stmt::Template(template) => vec![&template.children],
        ast::Stmt::ForLoop(for_loop) => vec![&for_loop.body, &for_loop.else_body],
        ast::Stmt::IfCond(condition) => vec![&condition.true_body, &condition.false_body],
        ast::Stmt::WithBlock(block) => vec![&block.body],
        ast::Stmt::SetBlock(block) => vec![&block.body],
        ast::Stmt::AutoEscape(block) => vec![&block.body],
        ast::Stmt::FilterBlock(block) => vec![&block.body],
        ast::Stmt::Block(block) => vec![&block.body],
        ast::Stmt::Macro(declaration) => vec![&declaration.body],
        ast::Stmt::CallBlock(block) => vec![&block.macro_decl.body],
        _ => Vec::new(),
    }
}

fn nesting_diagnostic(text: Text<'_>, problem: Problem) -> Diagnostic {
    let tag = |range: &Range<usize>| nesting::shown(text.source, range.clone());
    match problem {
        Problem::Unclosed { opener, closer } | Problem::Inside { opener, closer, .. } => {
            let message = format!("`{}` is never closed", tag(&opener));
            text.error(opener, message)
                .with_help(format!("end it with `{closer}`"))
        }
        Problem::Stray {
            tag: stray,
            open: Some(open),
        } => {
            let line = text.line_number(open.start);
            let message = format!(
                "`{}` does not close `{}`, opened at line {line}",
                tag(&stray),
                tag(&open)
            );
            text.error(stray, message)
        }
        Problem::Stray {
            tag: stray,
            open: None,
        } => {
            let message = format!("`{}` closes nothing", tag(&stray));
            text.error(stray, message)
        }
    }
}

/// The tags of the template language.
const TAGS: [&str; 18] = [
    "for", "if", "elif", "else", "endif", "endfor", "set", "with", "filter", "macro", "call", "do",
    "raw", "break", "continue", "include", "extends", "block",
];

/// How the parser reports a tag that is none.
const UNKNOWN_TAG: &str = "unknown statement ";

fn syntax_message(detail: &str) -> String {
    let Some(tag) = detail.strip_prefix(UNKNOWN_TAG) else {
        return format!("template syntax: {detail}");
    };
    match nearest(tag, TAGS) {
        Some(right) if right == tag => format!("`{{% {tag} %}}` is out of place here"),
        Some(right) => format!("unknown tag `{tag}`; did you mean `{right}`?"),
        None => format!("unknown tag `{tag}`"),
    }
}
