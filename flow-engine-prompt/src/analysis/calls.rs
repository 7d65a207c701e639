//! Calls and names that are no variables: functions, methods, filters, tests, the fields of `loop`.

use std::ops::Range;

use minijinja::machinery::{Span, ast};

use super::Walker;
use crate::suggest::{did_you_mean, list, nearest};

/// What a loop's own variable has, as minijinja names it.
const FIELDS_OF_LOOP: [&str; 11] = [
    "index",
    "index0",
    "revindex",
    "revindex0",
    "first",
    "last",
    "length",
    "depth",
    "depth0",
    "previtem",
    "nextitem",
];

impl<'w> Walker<'w> {
    pub(super) fn call(&mut self, call: &'w ast::Call<'w>) {
        match &call.expr {
            ast::Expr::Var(function) => self.function(function.id, function.span()),
            ast::Expr::GetAttr(method) => {
                if let Some(input) = self.input_below(&method.expr) {
                    self.expression(&method.expr);
                    self.method(input, method.name, method.span());
                } else if !self.is_loop(&method.expr) && !self.is_self(&method.expr) {
                    self.expression(&method.expr);
                }
            }
            other => {
                self.expression(other);
            }
        }
        self.arguments(&call.args);
    }

    /// `self.title()`: the block of this name.
    fn is_self(&self, expression: &ast::Expr<'_>) -> bool {
        matches!(expression, ast::Expr::Var(variable) if variable.id == "self")
            && !self.scopes.has("self")
            && !self.inputs.contains(&"self")
    }

    pub(super) fn arguments(&mut self, arguments: &'w [ast::CallArg<'w>]) {
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(value)
                | ast::CallArg::Kwarg(_, value)
                | ast::CallArg::PosSplat(value)
                | ast::CallArg::KwargSplat(value) => {
                    self.expression(value);
                }
            }
        }
    }

    fn function(&mut self, name: &'w str, span: Span) {
        let start = span.start_offset as usize;
        if self.scopes.has(name) || self.repeats(name, start) {
            return;
        }
        if self.inputs.contains(&name) {
            self.found.used.insert(name.to_owned());
            self.error(
                start,
                start + name.len(),
                format!("`{name}` is an input and cannot be called"),
            );
        } else if !self.known.has_function(name) {
            let functions = self.known.functions();
            let names = self.scopes.names().chain(functions.iter().copied());
            let message = match nearest(name, names) {
                Some(right) => format!("unknown function `{name}`; did you mean `{right}`?"),
                None if self.known.has_filter(name) => {
                    format!("unknown function `{name}`; it is a filter: `… | {name}`")
                }
                None => format!(
                    "unknown function `{name}`; the functions are {}",
                    list(functions.iter().copied())
                ),
            };
            self.error(start, start + name.len(), message);
        }
    }

    /// JSON values have no methods, which people who know Python's Jinja do not expect.
    fn method(&mut self, input: &str, name: &str, span: Span) {
        let filter = match name {
            "strip" => "trim",
            "splitlines" => "lines",
            name => name,
        };
        let mut message = format!("`{input}` is data and has no method `{name}`");
        if self.known.has_filter(filter) {
            message.push_str("; use the filter: `… | ");
            message.push_str(filter);
            message.push('`');
        }
        let end = span.end_offset as usize;
        self.error(end.saturating_sub(name.len()), end, message);
    }

    pub(super) fn field_of_loop(&mut self, name: &str, at: Range<usize>) {
        if FIELDS_OF_LOOP.contains(&name) {
            return;
        }
        let near = did_you_mean(name, FIELDS_OF_LOOP);
        let near = if near.is_empty() {
            format!("; its fields are {}", list(FIELDS_OF_LOOP))
        } else {
            near
        };
        self.error(
            at.start,
            at.end,
            format!("`loop` has no field `{name}`{near}"),
        );
    }

    /// The input at the root of `input.field[0]`.
    fn input_below(&self, expression: &ast::Expr<'w>) -> Option<&'w str> {
        match expression {
            ast::Expr::Var(variable) => (!self.scopes.has(variable.id)
                && self.inputs.contains(&variable.id))
            .then_some(variable.id),
            ast::Expr::GetAttr(attribute) => self.input_below(&attribute.expr),
            ast::Expr::GetItem(item) => self.input_below(&item.expr),
            _ => None,
        }
    }

    pub(super) fn unknown(
        &mut self,
        what: &str,
        name: &str,
        span: Span,
        suggestions: &'static [&'static str],
    ) {
        let start = span.start_offset as usize;
        let near = did_you_mean(name, suggestions.iter().copied());
        let message = format!("unknown {what} `{name}`{near}");
        self.error(start, start + name.len(), message);
    }
}
