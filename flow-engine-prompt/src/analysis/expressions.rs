//! Expressions: variables, filters, tests and calls.

use minijinja::machinery::{Span, ast};

use super::Walker;
use crate::environment::{FILTERS, TESTS};
use crate::suggest::{did_you_mean, list, nearest};

impl<'w> Walker<'w> {
    pub(super) fn optional(&mut self, expression: Option<&ast::Expr<'w>>) {
        if let Some(expression) = expression {
            self.expression(expression);
        }
    }

    pub(super) fn expression(&mut self, expression: &ast::Expr<'w>) {
        match expression {
            ast::Expr::Var(variable) => self.variable(variable.id, variable.span()),
            ast::Expr::Const(_) => {}
            ast::Expr::Slice(slice) => {
                self.expression(&slice.expr);
                self.optional(slice.start.as_ref());
                self.optional(slice.stop.as_ref());
                self.optional(slice.step.as_ref());
            }
            ast::Expr::UnaryOp(operation) => self.expression(&operation.expr),
            ast::Expr::BinOp(operation) => {
                self.expression(&operation.left);
                self.expression(&operation.right);
            }
            ast::Expr::Compare(comparison) => {
                self.expression(&comparison.expr);
                comparison
                    .ops
                    .iter()
                    .for_each(|operand| self.expression(&operand.expr));
            }
            ast::Expr::IfExpr(condition) => {
                self.expression(&condition.test_expr);
                self.expression(&condition.true_expr);
                self.optional(condition.false_expr.as_ref());
            }
            ast::Expr::Filter(filter) => {
                self.optional(filter.expr.as_ref());
                if !self.known.has_filter(filter.name) {
                    self.unknown("filter", filter.name, filter.span(), FILTERS);
                }
                self.arguments(&filter.args);
            }
            ast::Expr::Test(test) => {
                self.expression(&test.expr);
                if !self.known.has_test(test.name) {
                    self.unknown("test", test.name, test.span(), TESTS);
                }
                self.arguments(&test.args);
            }
            ast::Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            ast::Expr::GetItem(item) => {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expression(item)),
            ast::Expr::Map(map) => {
                map.keys
                    .iter()
                    .chain(&map.values)
                    .for_each(|part| self.expression(part));
            }
        }
    }

    pub(super) fn call(&mut self, call: &ast::Call<'w>) {
        match &call.expr {
            ast::Expr::Var(function) => self.function(function.id, function.span()),
            ast::Expr::GetAttr(method) => {
                self.expression(&method.expr);
                if let Some(input) = self.input_below(&method.expr) {
                    self.method(input, method.name, method.span());
                }
            }
            other => self.expression(other),
        }
        self.arguments(&call.args);
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'w>]) {
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(value)
                | ast::CallArg::Kwarg(_, value)
                | ast::CallArg::PosSplat(value)
                | ast::CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }

    fn variable(&mut self, name: &'w str, span: Span) {
        if self.scopes.has(name) {
            return;
        }
        if self.inputs.contains(&name) {
            self.found.used.insert(name.to_owned());
        } else if !self.known.has_function(name) {
            self.unknown_variable(name, span.start_offset as usize);
        }
    }

    fn function(&mut self, name: &'w str, span: Span) {
        let start = span.start_offset as usize;
        if self.scopes.has(name) {
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

    fn unknown(
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
