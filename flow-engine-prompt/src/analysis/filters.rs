//! Filters: where their values come from, and which fields their `attribute` names.

use minijinja::machinery::ast;

use super::Walker;
use super::expressions::Absence;
use super::value::Value;
use crate::requirement::Segment;

impl<'w> Walker<'w> {
    /// What a filter makes of `value`.
    pub(super) fn filtered(&mut self, filter: &'w ast::Filter<'w>, value: Value<'w>) -> Value<'w> {
        self.named_attribute(filter, &value);
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
            "list" | "sort" | "reverse" | "unique" | "select" | "reject" | "selectattr"
            | "rejectattr" => {
                arguments.for_each(drop);
                value.present()
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
        for name in path.split('.') {
            let segment = match name.parse::<usize>() {
                Ok(_) => Segment::Index,
                Err(_) => Segment::Field(name.to_owned()),
            };
            item = self.step(item, &segment, Absence::Expected, &owner, range.clone());
            owner = format!("{owner}.{name}");
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
