//! Tags: which names they define, for whom, and which of them prompts do not have.

use minijinja::machinery::{Span, ast};

use super::Walker;
use super::value::{Place, Value};
use crate::requirement::Need;

impl<'w> Walker<'w> {
    pub(super) fn statements(&mut self, statements: &'w [ast::Stmt<'w>]) {
        let before = self.scopes.learn(&[]);
        for statement in statements {
            match statement {
                ast::Stmt::IfCond(condition) => {
                    let after = self.if_condition(condition);
                    self.scopes.learn(&after);
                }
                other => self.statement(other),
            }
        }
        self.scopes.forget(before);
    }

    /// The scopes are those of the renderer: `for`, `with`, blocks and macros have their own, `if` and included files
    /// have none.
    pub(super) fn statement(&mut self, statement: &'w ast::Stmt<'w>) {
        match statement {
            ast::Stmt::Template(template) => self.statements(&template.children),
            ast::Stmt::EmitExpr(emit) => self.printed(&emit.expr),
            ast::Stmt::ForLoop(for_loop) => self.for_loop(for_loop),
            ast::Stmt::IfCond(condition) => {
                self.if_condition(condition);
            }
            ast::Stmt::WithBlock(with) => {
                self.scopes.push();
                for (target, value) in &with.assignments {
                    let value = self.expression(value);
                    self.assign(target, value);
                }
                self.statements(&with.body);
                self.scopes.pop();
            }
            ast::Stmt::Set(set) => {
                let value = self.expression(&set.expr);
                self.assign(&set.target, value);
            }
            ast::Stmt::SetBlock(set) => {
                self.statements(&set.body);
                self.optional(set.filter.as_ref());
                self.assign(&set.target, Value::default());
            }
            ast::Stmt::AutoEscape(block) => {
                self.expression(&block.enabled);
                self.statements(&block.body);
            }
            ast::Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.statements(&block.body);
            }
            ast::Stmt::Macro(declaration) => {
                // Before the body: a macro may call itself.
                self.scopes.define(declaration.name, Value::default());
                self.macro_body(declaration);
            }
            ast::Stmt::CallBlock(block) => {
                self.call(&block.call);
                self.macro_body(&block.macro_decl);
            }
            ast::Stmt::Do(statement) => self.call(&statement.call),
            ast::Stmt::Include(tag) => self.include(tag, tag.span()),
            ast::Stmt::Extends(tag) => {
                self.tag(
                    "extends",
                    tag.span(),
                    "`{% extends %}` comes first in a message",
                );
            }
            ast::Stmt::Block(block) => self.block(block.name, &block.body),
            ast::Stmt::Import(tag) => {
                self.unsupported("import", tag.span());
                self.assign(&tag.name, Value::default());
            }
            ast::Stmt::FromImport(tag) => {
                self.unsupported("from", tag.span());
                for (name, alias) in &tag.names {
                    self.assign(alias.as_ref().unwrap_or(name), Value::default());
                }
            }
            // Text, `break` and `continue` refer to nothing.
            _ => {}
        }
    }

    /// Gives what is known behind it: where its body leaves the loop, its condition does not hold.
    fn if_condition(&mut self, condition: &'w ast::IfCond<'w>) -> Vec<Place> {
        let facts = self.condition(&condition.expr);
        let before = self.scopes.clone();
        self.knowing(&facts.when_true, |walker| {
            walker.statements(&condition.true_body);
        });
        let mut after = self.scopes.replaced_by(before.clone());
        self.knowing(&facts.when_false, |walker| {
            walker.statements(&condition.false_body);
        });
        // What one branch defines is in the other what it was before.
        let of_false = self.scopes.names_not_in(&before);
        let of_true = after.names_not_in(&before);
        self.knowing(&facts.when_false, |walker| {
            for name in of_true.iter().filter(|name| !of_false.contains(name)) {
                walker.keep(name);
            }
        });
        std::mem::swap(&mut self.scopes, &mut after);
        self.knowing(&facts.when_true, |walker| {
            for name in of_false.iter().filter(|name| !of_true.contains(name)) {
                walker.keep(name);
            }
        });
        self.scopes.join(after);
        if leaves(&condition.true_body) {
            facts.when_false
        } else {
            Vec::new()
        }
    }

    /// Defines a name as what it is already.
    fn keep(&mut self, name: &'w str) {
        match self.value_of(name) {
            Some(value) => self.scopes.define(name, value),
            None => self.scopes.define_unsure(name),
        }
    }

    fn for_loop(&mut self, for_loop: &'w ast::ForLoop<'w>) {
        let items = self.expression(&for_loop.iter);
        self.require(&items, Need::Loop, &for_loop.iter);
        // What a recursive loop is called with may be of another type.
        let (item, sure) = if for_loop.recursive {
            (Value::default(), Vec::new())
        } else {
            let sure = items.sure_of_items.clone();
            (items.item(), sure)
        };
        self.scopes.push();
        self.assign(&for_loop.target, item);
        let binding = self.scopes.last_binding();
        let sure = sure.into_iter().map(|fields| Place { binding, fields });
        let before = self.scopes.learn(&sure.collect::<Vec<_>>());
        self.scopes.define("loop", Value::default());
        let facts = for_loop
            .filter_expr
            .as_ref()
            .map(|filter| self.condition(filter))
            .unwrap_or_default();
        self.knowing(&facts.when_true, |walker| {
            walker.statements(&for_loop.body);
        });
        self.scopes.forget(before);
        self.scopes.pop();
        // Outside of the loop's scope, and run or not.
        let before = self.scopes.clone();
        self.statements(&for_loop.else_body);
        let after = self.scopes.replaced_by(before.clone());
        for name in after.names_not_in(&before) {
            self.keep(name);
        }
        self.scopes.join(after);
    }

    fn macro_body(&mut self, declaration: &'w ast::Macro<'w>) {
        self.scopes.push();
        self.scopes.define("caller", Value::default());
        for argument in &declaration.args {
            self.assign(argument, Value::default());
        }
        for default in &declaration.defaults {
            self.expression(default);
        }
        self.statements(&declaration.body);
        self.scopes.pop();
    }

    fn assign(&mut self, target: &'w ast::Expr<'w>, value: Value<'w>) {
        match target {
            ast::Expr::Var(variable) => self.scopes.define(variable.id, value),
            ast::Expr::List(list) => self.unpack(&list.items),
            ast::Expr::Tuple(tuple) => self.unpack(&tuple.items),
            // `{% set box.x = 1 %}` defines nothing, but reads `box`.
            other => {
                self.expression(other);
            }
        }
    }

    fn unpack(&mut self, targets: &'w [ast::Expr<'w>]) {
        for target in targets {
            self.assign(target, Value::default());
        }
    }

    fn unsupported(&mut self, tag: &str, span: Span) {
        let reason = format!("`{{% {tag} %}}` is not supported; `{{% include %}}` is");
        self.tag(tag, span, &reason);
    }

    /// Reports a tag, from its brace to its keyword.
    fn tag(&mut self, tag: &str, span: Span, reason: &str) {
        let keyword = span.start_offset as usize;
        // The span begins at the keyword.
        let start = self
            .unit
            .source()
            .get(..keyword)
            .and_then(|before| before.rfind("{%"))
            .unwrap_or(keyword);
        self.error(start, keyword + tag.len(), reason.to_owned());
    }
}

/// Whether nothing behind these statements is reached in this turn of a loop.
fn leaves(statements: &[ast::Stmt<'_>]) -> bool {
    statements
        .iter()
        .any(|statement| matches!(statement, ast::Stmt::Continue(_) | ast::Stmt::Break(_)))
}
