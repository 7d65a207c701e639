//! Tags: which names they define, for whom, and which of them prompts do not have.

use minijinja::machinery::{Span, ast};

use super::Walker;

impl<'w> Walker<'w> {
    pub(super) fn statements(&mut self, statements: &[ast::Stmt<'w>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    /// The scopes are those of the renderer: `for`, `with` and macros have their own, `if` has none.
    pub(super) fn statement(&mut self, statement: &ast::Stmt<'w>) {
        match statement {
            ast::Stmt::Template(template) => self.statements(&template.children),
            ast::Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            ast::Stmt::ForLoop(for_loop) => self.for_loop(for_loop),
            ast::Stmt::IfCond(condition) => {
                self.expression(&condition.expr);
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            ast::Stmt::WithBlock(with) => {
                self.scopes.push();
                for (target, value) in &with.assignments {
                    self.expression(value);
                    self.assign(target);
                }
                self.statements(&with.body);
                self.scopes.pop();
            }
            ast::Stmt::Set(set) => {
                self.expression(&set.expr);
                self.assign(&set.target);
            }
            ast::Stmt::SetBlock(set) => {
                self.statements(&set.body);
                self.optional(set.filter.as_ref());
                self.assign(&set.target);
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
                self.scopes.define(declaration.name);
                self.macro_body(declaration);
            }
            ast::Stmt::CallBlock(block) => {
                self.call(&block.call);
                self.macro_body(&block.macro_decl);
            }
            ast::Stmt::Do(statement) => self.call(&statement.call),
            ast::Stmt::Include(tag) => self.unsupported("include", tag.span()),
            ast::Stmt::Extends(tag) => self.unsupported("extends", tag.span()),
            ast::Stmt::Import(tag) => {
                self.unsupported("import", tag.span());
                self.assign(&tag.name);
            }
            ast::Stmt::FromImport(tag) => {
                self.unsupported("from", tag.span());
                for (name, alias) in &tag.names {
                    self.assign(alias.as_ref().unwrap_or(name));
                }
            }
            ast::Stmt::Block(block) => {
                self.unsupported("block", block.span());
                self.statements(&block.body);
            }
            // Text, `break` and `continue` refer to nothing.
            _ => {}
        }
    }

    fn for_loop(&mut self, for_loop: &ast::ForLoop<'w>) {
        self.expression(&for_loop.iter);
        self.scopes.push();
        self.assign(&for_loop.target);
        self.scopes.define("loop");
        self.optional(for_loop.filter_expr.as_ref());
        self.statements(&for_loop.body);
        self.scopes.pop();
        self.scopes.push();
        self.statements(&for_loop.else_body);
        self.scopes.pop();
    }

    fn macro_body(&mut self, declaration: &ast::Macro<'w>) {
        self.scopes.push();
        self.scopes.define("caller");
        for argument in &declaration.args {
            self.assign(argument);
        }
        for default in &declaration.defaults {
            self.expression(default);
        }
        self.statements(&declaration.body);
        self.scopes.pop();
    }

    fn assign(&mut self, target: &ast::Expr<'w>) {
        match target {
            ast::Expr::Var(variable) => self.scopes.define(variable.id),
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.assign(item)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.assign(item)),
            // `{% set box.x = 1 %}` defines nothing, but reads `box`.
            other => self.expression(other),
        }
    }

    fn unsupported(&mut self, tag: &str, span: Span) {
        let reason = match tag {
            "block" => "a prompt extends no other, so it needs no `{% block %}`".to_owned(),
            tag => format!("`{{% {tag} %}}` is not supported: a prompt is one file"),
        };
        let keyword = span.start_offset as usize;
        let section = &self.text.source[self.base..];
        // The span begins at the keyword, the reader's tag at its brace.
        let start = section
            .get(..keyword)
            .and_then(|before| before.rfind("{%"))
            .unwrap_or(keyword);
        self.error(start, keyword + tag.len(), reason);
    }
}
