//! Expressions: what they refer to, and what they ask of it.

use minijinja::machinery::{Span, ast};

use super::Walker;
use super::facts::{Facts, Seen};
use super::filters::{TAKE_TEXT, defaults_to_false};
use super::unit::Slot;
use super::value::{Place, Value};
use crate::environment::FILTERS;
use crate::requirement::{Need, Segment};

/// What becomes of a value that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// It is an error.
    Fails,
    /// It is expected, as in `a.b is defined` and `a.b | default("")`.
    Expected,
}

impl<'w> Walker<'w> {
    pub(super) fn optional(&mut self, expression: Option<&'w ast::Expr<'w>>) {
        if let Some(expression) = expression {
            self.expression(expression);
        }
    }

    /// What is printed.
    pub(super) fn printed(&mut self, expression: &'w ast::Expr<'w>) {
        let value = self.expression(expression);
        self.bare_function(expression);
        let need = if self.stands_alone(expression) {
            Need::Stand
        } else {
            Need::Print
        };
        self.require(&value, need, expression);
    }

    /// Whether it is an input in a slot.
    fn stands_alone(&self, expression: &ast::Expr<'w>) -> bool {
        let ast::Expr::Var(variable) = expression else {
            return false;
        };
        let start = expression.span().start_offset as usize;
        let is_here = |slot: &Slot| slot.at.start == start;
        self.open.len() == 1 && !self.scopes.has(variable.id) && self.slots.iter().any(is_here)
    }

    pub(super) fn expression(&mut self, expression: &'w ast::Expr<'w>) -> Value<'w> {
        self.look(expression, Absence::Fails).value
    }

    /// What a condition says of values.
    pub(super) fn condition(&mut self, condition: &'w ast::Expr<'w>) -> Facts {
        self.look(condition, Absence::Fails).facts
    }

    pub(super) fn look(&mut self, expression: &'w ast::Expr<'w>, absence: Absence) -> Seen<'w> {
        match expression {
            ast::Expr::Var(variable) => self.variable(variable.id, variable.span(), absence).seen(),
            ast::Expr::GetAttr(attribute) => self.attribute(attribute, absence).seen(),
            ast::Expr::GetItem(item) => self.item(item, absence).seen(),
            ast::Expr::Filter(filter) => self.filter(filter, absence),
            ast::Expr::IfExpr(condition) => self.either(condition).computed(),
            ast::Expr::UnaryOp(operation) => {
                let facts = self.condition(&operation.expr);
                match operation.op {
                    ast::UnaryOpKind::Not => facts.negated().seen(),
                    ast::UnaryOpKind::Neg => Seen::default(),
                }
            }
            ast::Expr::BinOp(operation) => self.operation(operation),
            ast::Expr::Compare(comparison) => match comparison.ops.as_slice() {
                [only] => self
                    .comparison(&comparison.expr, only.op, &only.expr)
                    .seen(),
                several => {
                    self.expression(&comparison.expr);
                    for operand in several {
                        self.expression(&operand.expr);
                    }
                    Seen::default()
                }
            },
            ast::Expr::Test(test) => self.test(test).seen(),
            other => {
                self.literal_or_call(other);
                Seen::default()
            }
        }
    }

    /// What computes its value, so that nothing is known of that.
    fn literal_or_call(&mut self, expression: &'w ast::Expr<'w>) {
        match expression {
            ast::Expr::Slice(slice) => {
                self.expression(&slice.expr);
                self.optional(slice.start.as_ref());
                self.optional(slice.stop.as_ref());
                self.optional(slice.step.as_ref());
            }
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => self.all(&list.items),
            ast::Expr::Tuple(tuple) => self.all(&tuple.items),
            ast::Expr::Map(map) => {
                self.all(&map.keys);
                self.all(&map.values);
            }
            _ => {}
        }
    }

    /// `a if b else c`
    fn either(&mut self, choice: &'w ast::IfExpr<'w>) -> Value<'w> {
        let facts = self.condition(&choice.test_expr);
        let value = self.knowing(&facts.when_true, |walker| {
            walker.expression(&choice.true_expr)
        });
        let other = self.knowing(&facts.when_false, |walker| {
            let other = choice.false_expr.as_ref();
            other.map(|other| walker.expression(other))
        });
        value.or(other.unwrap_or_default())
    }

    /// Looks where these places are not none.
    pub(super) fn knowing<T>(&mut self, places: &[Place], look: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scopes.learn(places);
        let seen = look(self);
        self.scopes.forget(before);
        seen
    }

    fn attribute(
        &mut self,
        attribute: &'w ast::Spanned<ast::GetAttr<'w>>,
        absence: Absence,
    ) -> Value<'w> {
        let end = attribute.span().end_offset as usize;
        let name = end.saturating_sub(attribute.name.len())..end;
        if self.is_loop(&attribute.expr) {
            self.field_of_loop(attribute.name, name);
            return Value::default();
        }
        // What is not there has no fields: only the last step may miss.
        let object = self.look(&attribute.expr, Absence::Fails).value;
        let owner = self.text_of(&attribute.expr);
        let field = Segment::Field(attribute.name.to_owned());
        self.step(object, &field, absence, &owner, name)
    }

    fn all(&mut self, expressions: &'w [ast::Expr<'w>]) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn item(&mut self, item: &'w ast::GetItem<'w>, absence: Absence) -> Value<'w> {
        let object = self.look(&item.expr, Absence::Fails).value;
        let segment = match &item.subscript_expr {
            ast::Expr::Const(key) => key.value.as_str().map(ToOwned::to_owned),
            key => {
                self.expression(key);
                None
            }
        };
        let segment = segment.map_or(Segment::Index, Segment::Field);
        let owner = self.text_of(&item.expr);
        let span = item.subscript_expr.span();
        let range = span.start_offset as usize..span.end_offset as usize;
        self.step(object, &segment, absence, &owner, range)
    }

    /// Steps from every origin into `segment`, each of which must have it.
    pub(super) fn step(
        &mut self,
        mut object: Value<'w>,
        segment: &Segment,
        absence: Absence,
        owner: &str,
        range: std::ops::Range<usize>,
    ) -> Value<'w> {
        for origin in &mut object.origins {
            if absence == Absence::Expected {
                origin.present();
            }
            let known = origin.path.len();
            let text = match segment {
                Segment::Field(name) => format!("{owner}.{name}"),
                _ => format!("{owner}[…]"),
            };
            origin.step(segment.clone(), text);
            self.asked(origin, known, Need::Exists, owner, range.clone());
        }
        self.narrow(&mut object);
        object
    }

    fn filter(&mut self, filter: &'w ast::Spanned<ast::Filter<'w>>, absence: Absence) -> Seen<'w> {
        let is_default = matches!(filter.name, "default" | "d");
        let absence = if is_default {
            Absence::Expected
        } else {
            absence
        };
        let value = match &filter.expr {
            Some(expression) => self.look(expression, absence).value,
            None => Value::default(),
        };
        if !self.known.has_filter(filter.name) {
            self.unknown("filter", filter.name, filter.span(), FILTERS);
        }
        if let Some(expression) = &filter.expr
            && TAKE_TEXT.contains(&filter.name)
        {
            self.require(&value, Need::Text, expression);
        }
        let facts = if is_default && defaults_to_false(&filter.args) {
            Facts::when_true(value.known_place())
        } else {
            Facts::default()
        };
        Seen {
            value: self.filtered(filter, value),
            facts,
        }
    }

    /// Reports `{{ range }}`: a function is not printed.
    fn bare_function(&mut self, expression: &'w ast::Expr<'w>) {
        let ast::Expr::Var(variable) = expression else {
            return;
        };
        let name = variable.id;
        let is_function =
            self.known.has_function(name) && !self.scopes.has(name) && !self.inputs.contains(&name);
        if is_function {
            let start = variable.span().start_offset as usize;
            let message = format!("`{name}` is a function, which is called: `{name}(…)`");
            self.error(start, start + name.len(), message);
        }
    }

    fn variable(&mut self, name: &'w str, span: Span, absence: Absence) -> Value<'w> {
        let start = span.start_offset as usize;
        if self.scopes.is_unsure(name) && absence == Absence::Fails {
            let message = format!(
                "`{name}` may be undefined: only one branch of a condition sets it; set it before the condition, too"
            );
            self.error(start, start + name.len(), message);
        }
        if let Some(value) = self.value_of(name) {
            return value;
        }
        if !self.known.has_function(name) {
            self.unknown_variable(name, start);
        }
        Value::default()
    }

    /// What a variable or an input stands for here.
    pub(super) fn value_of(&mut self, name: &'w str) -> Option<Value<'w>> {
        let mut value = match self.scopes.value(name) {
            Some(value) => value.clone(),
            None if self.inputs.contains(&name) => {
                self.found.used.insert(name.to_owned());
                Value::of_input(name)
            }
            None => return None,
        };
        self.narrow(&mut value);
        Some(value)
    }

    /// Takes in what conditions said of the value.
    fn narrow(&self, value: &mut Value<'w>) {
        for origin in &mut value.origins {
            let is_present = |place: &Place| self.scopes.is_present(place);
            if origin.place.as_ref().is_some_and(is_present) {
                origin.present();
            }
        }
    }

    /// Whether it is the variable of a loop's state.
    pub(super) fn is_loop(&self, expression: &ast::Expr<'_>) -> bool {
        matches!(expression, ast::Expr::Var(variable) if variable.id == "loop")
            && self.scopes.has("loop")
    }
}
