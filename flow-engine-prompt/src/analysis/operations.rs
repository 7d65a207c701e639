//! Operators and tests: what they ask of their operands, and what is known where they hold.

use minijinja::machinery::ast;

use super::Walker;
use super::expressions::Absence;
use super::facts::{Facts, Seen};
use crate::environment::TESTS;
use crate::requirement::Need;

impl<'w> Walker<'w> {
    pub(super) fn operation(&mut self, operation: &'w ast::BinOp<'w>) -> Seen<'w> {
        let (left, right) = (&operation.left, &operation.right);
        match operation.op {
            ast::BinOpKind::ScAnd => {
                let left = self.condition(left);
                let right = self.knowing(&left.when_true, |walker| walker.condition(right));
                Facts::when_true([left.when_true, right.when_true].concat()).seen()
            }
            ast::BinOpKind::ScOr => {
                let left = self.look(left, Absence::Fails);
                let right = self.knowing(&left.facts.when_false, |walker| {
                    walker.look(right, Absence::Fails)
                });
                Seen {
                    value: left.value.present().or(right.value),
                    facts: Facts {
                        when_true: Vec::new(),
                        when_false: [left.facts.when_false, right.facts.when_false].concat(),
                    },
                }
            }
            // Joined, a value is text.
            ast::BinOpKind::Concat => {
                for operand in [left, right] {
                    let value = self.expression(operand);
                    self.require(&value, Need::Text, operand);
                }
                Seen::default()
            }
            other => {
                if let Some(operator) = as_comparison(other) {
                    return self.comparison(left, operator, right).seen();
                }
                self.expression(left);
                self.expression(right);
                Seen::default()
            }
        }
    }

    /// `x == none` says what `x` is not where it does not hold, `x == 1` where it does. None is less than everything.
    pub(super) fn comparison(
        &mut self,
        left: &'w ast::Expr<'w>,
        operator: ast::CompareOpKind,
        right: &'w ast::Expr<'w>,
    ) -> Facts {
        use ast::CompareOpKind::{Eq, Gt, Gte, In, Lt, Lte, Ne, NotIn};
        let (one, other) = (self.expression(left), self.expression(right));
        let (constant, value, operator) = match (left.as_const(), right.as_const()) {
            (_, Some(constant)) => (constant, one, operator),
            (Some(constant), _) => {
                let turned = match operator {
                    Lt => Gt,
                    Lte => Gte,
                    Gt => Lt,
                    Gte => Lte,
                    In | NotIn => return Facts::default(),
                    same => same,
                };
                (constant, other, turned)
            }
            _ => return Facts::default(),
        };
        let present = Facts::when_true(value.known_place());
        let holds_none = || {
            let mut items = constant.try_iter().into_iter().flatten();
            items.any(|item| item.is_none())
        };
        match operator {
            Eq if constant.is_none() => present.negated(),
            Ne if constant.is_none() => present,
            _ if constant.is_none() => Facts::default(),
            Eq | Gt | Gte => present,
            Ne | Lt | Lte => present.negated(),
            In if !holds_none() => present,
            NotIn if !holds_none() => present.negated(),
            In | NotIn => Facts::default(),
        }
    }

    pub(super) fn test(&mut self, test: &'w ast::Spanned<ast::Test<'w>>) -> Facts {
        let absence = match test.name {
            "defined" | "undefined" => Absence::Expected,
            _ => Absence::Fails,
        };
        let value = self.look(&test.expr, absence).value;
        if !self.known.has_test(test.name) {
            self.unknown("test", test.name, test.span(), TESTS);
        }
        self.arguments(&test.args);
        match test.name {
            "none" => Facts::when_true(value.known_place()).negated(),
            "defined" => Facts::when_true(value.places_above()),
            "undefined" => Facts::when_true(value.places_above()).negated(),
            "string" | "number" | "integer" | "int" | "float" | "boolean" | "true" | "mapping"
            | "sequence" => Facts::when_true(value.known_place()),
            _ => Facts::default(),
        }
    }
}

/// A comparison that stands alone is an operation to the parser.
fn as_comparison(operator: ast::BinOpKind) -> Option<ast::CompareOpKind> {
    Some(match operator {
        ast::BinOpKind::Eq => ast::CompareOpKind::Eq,
        ast::BinOpKind::Ne => ast::CompareOpKind::Ne,
        ast::BinOpKind::Lt => ast::CompareOpKind::Lt,
        ast::BinOpKind::Lte => ast::CompareOpKind::Lte,
        ast::BinOpKind::Gt => ast::CompareOpKind::Gt,
        ast::BinOpKind::Gte => ast::CompareOpKind::Gte,
        ast::BinOpKind::In => ast::CompareOpKind::In,
        _ => return None,
    })
}
