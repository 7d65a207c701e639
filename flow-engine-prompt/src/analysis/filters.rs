//! Filters: where their values come from, and which fields their `attribute` names.

use minijinja::machinery::ast;

use super::Walker;
use super::expressions::Absence;
use super::value::Value;
use crate::environment::{FILTERS, TESTS};
use crate::requirement::Segment;
use crate::suggest::did_you_mean;

/// The filters that make a text of whatever they get: of none, `None`.
pub(super) const TAKE_TEXT: [&str; 12] = [
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "replace",
    "escape",
    "e",
    "indent",
    "split",
    "lines",
    "format",
];

impl<'w> Walker<'w> {
    /// What a filter makes of `value`.
    pub(super) fn filtered(&mut self, filter: &'w ast::Filter<'w>, value: Value<'w>) -> Value<'w> {
        self.named_attribute(filter, &value);
        self.named_by_text(filter);
        let mut arguments = filter.args.iter().map(|argument| self.argument(argument));
        match filter.name {
            "default" | "d" => {
                let other = arguments.next().unwrap_or_default();
                arguments.for_each(drop);
                // Without a second argument that is true, a default replaces what is not there, and not what is none.
                if replaces_none(&filter.args) {
                    value.present().or(other)
                } else {
                    value.or(other)
                }
            }
            "list" | "sort" | "reverse" | "unique" => {
                arguments.for_each(drop);
                value.present()
            }
            "select" | "reject" | "selectattr" | "rejectattr" => {
                arguments.for_each(drop);
                chosen(filter, value.present())
            }
            "first" | "last" | "min" | "max" => {
                arguments.for_each(drop);
                value.item()
            }
            _ => {
                arguments.for_each(drop);
                Value::default()
            }
        }
    }

    /// `xs | map(attribute="author.name")`, `xs | selectattr("author")`: every item must have the field.
    fn named_attribute(&mut self, filter: &'w ast::Filter<'w>, value: &Value<'w>) {
        let first = match filter.name {
            "selectattr" | "rejectattr" | "groupby" => filter.args.first(),
            _ => None,
        };
        let named = filter.args.iter().find_map(|argument| match argument {
            ast::CallArg::Kwarg("attribute", value) => Some(value),
            _ => None,
        });
        let given = first.and_then(|argument| match argument {
            ast::CallArg::Pos(value) => Some(value),
            _ => None,
        });
        let Some(ast::Expr::Const(attribute)) = named.or(given) else {
            return;
        };
        let Some(path) = attribute.value.as_str() else {
            return;
        };
        let span = attribute.span();
        let range = span.start_offset as usize..span.end_offset as usize;
        let mut owner = match &filter.expr {
            Some(expression) => self.text_of(expression),
            None => return,
        };
        owner.push_str("[…]");
        let mut item = value.clone().item();
        let mut absence = Absence::Expected;
        for name in path.split('.') {
            let segment = match name.parse::<usize>() {
                Ok(_) => Segment::Index,
                Err(_) => Segment::Field(name.to_owned()),
            };
            item = self.step(item, &segment, absence, &owner, range.clone());
            absence = Absence::Fails;
            owner = format!("{owner}.{name}");
        }
    }

    /// Filters and tests that are named by a text: `xs | map("upper")`, `xs | select("odd")`.
    fn named_by_text(&mut self, filter: &'w ast::Filter<'w>) {
        let (what, at) = match filter.name {
            "map" => ("filter", 0),
            "select" | "reject" => ("test", 0),
            "selectattr" | "rejectattr" => ("test", 1),
            _ => return,
        };
        let Some(ast::CallArg::Pos(ast::Expr::Const(constant))) = filter.args.get(at) else {
            return;
        };
        let Some(name) = constant.value.as_str() else {
            return;
        };
        let (is_known, suggestions) = if what == "filter" {
            (self.known.has_filter(name), FILTERS)
        } else {
            (self.known.has_test(name), TESTS)
        };
        if !is_known {
            let near = did_you_mean(name, suggestions.iter().copied());
            let (start, end) = (
                constant.span().start_offset as usize,
                constant.span().end_offset as usize,
            );
            self.error(start, end, format!("unknown {what} `{name}`{near}"));
        }
    }

    fn argument(&mut self, argument: &'w ast::CallArg<'w>) -> Value<'w> {
        match argument {
            ast::CallArg::Pos(value)
            | ast::CallArg::Kwarg(_, value)
            | ast::CallArg::PosSplat(value)
            | ast::CallArg::KwargSplat(value) => self.expression(value),
        }
    }
}

fn replaces_none(arguments: &[ast::CallArg<'_>]) -> bool {
    match arguments.get(1) {
        Some(ast::CallArg::Pos(ast::Expr::Const(constant))) => constant.value.is_true(),
        // What is not known here is no mistake.
        Some(_) => true,
        None => false,
    }
}

/// Whether a default is one that is not true, so that what is true is the value itself.
pub(super) fn defaults_to_false(arguments: &[ast::CallArg<'_>]) -> bool {
    match arguments.first() {
        None => true,
        Some(ast::CallArg::Pos(value)) => value.as_const().is_some_and(|value| !value.is_true()),
        Some(_) => false,
    }
}

/// An argument that is written out as a text.
fn constant_text<'a>(argument: &'a ast::CallArg<'_>) -> Option<&'a str> {
    match argument {
        ast::CallArg::Pos(ast::Expr::Const(constant)) => constant.value.as_str(),
        _ => None,
    }
}

/// The items that a filter leaves: what it chose them by, they have.
fn chosen<'w>(filter: &ast::Filter<'w>, mut list: Value<'w>) -> Value<'w> {
    let takes_field = filter.name.ends_with("attr");
    let mut arguments = filter.args.iter().map(constant_text);
    let field = if takes_field {
        match arguments.next() {
            Some(Some(field)) => field.split('.').map(str::to_owned).collect(),
            _ => return Value::default(),
        }
    } else {
        Vec::new()
    };
    let test = match arguments.next() {
        None => None,
        Some(Some(test)) => Some(test),
        Some(None) => return Value::default(),
    };
    let is_present = match (filter.name.starts_with("select"), test) {
        (true, None) => true,
        (false, None) => false,
        (true, Some(test)) => !matches!(test, "none" | "undefined" | "false"),
        (false, Some(test)) => test == "none",
    };
    if is_present {
        list.sure_of_items.push(field);
    }
    list
}
