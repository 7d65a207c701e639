//! Constraints: `length(min = 1, max = 80)`, `range(max = 1.0)`, `pattern = "^[a-z]+$"`, `custom = my_check`.
//!
//! The same for an input, beside `default`, and for a field of a `#[data]` type, in `#[check(…)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, ExprUnary, Lit, LitStr, Path, Type, UnOp};

use crate::arguments::{self, Argument};
use crate::mistakes::Mistakes;
use crate::params;

/// What a constraint is called; the first ones take their limits in parentheses.
pub(crate) const NAMES: [&str; 4] = ["length", "range", "pattern", "custom"];

/// The constraints of one value.
#[derive(Default)]
pub(crate) struct Constraints(Vec<Constraint>);

struct Constraint {
    /// As the user wrote it: where errors about the type are.
    name: Ident,
    rule: Rule,
}

enum Rule {
    Limits {
        min: Option<Expr>,
        max: Option<Expr>,
    },
    Pattern(LitStr),
    Custom(Expr),
}

impl Constraints {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a constraint whose name is one of [`NAMES`]; one that is not right is reported.
    pub(crate) fn add(&mut self, argument: Argument, mistakes: &mut Mistakes) {
        if self.0.iter().any(|earlier| earlier.name == argument.name) {
            mistakes.add(
                &argument.name,
                format!("`{}` is given twice", argument.name),
            );
            return;
        }
        let rule = match argument.name.to_string().as_str() {
            "pattern" => pattern(&argument, mistakes).map(Rule::Pattern),
            "custom" => custom(&argument, mistakes).map(Rule::Custom),
            name => limits(name, &argument, mistakes),
        };
        let name = argument.name;
        self.0.extend(rule.map(|rule| Constraint { name, rule }));
    }

    /// A closure that applies them to a value of this type, or to its schema.
    pub(crate) fn rules(&self, flow_engine: &Path, ty: &Type) -> TokenStream {
        let rules = Ident::new("__rules", Span::call_site());
        let calls = self.0.iter().map(|constraint| {
            let name = &constraint.name;
            // rustc reports a rule that does not fit the type at what it is called on.
            let here = Ident::new("__rules", name.span());
            let arguments = match &constraint.rule {
                Rule::Limits { min, max } => {
                    let (min, max) = (min.iter(), max.iter());
                    quote_spanned!(name.span()=> &[#(#min)*], &[#(#max)*])
                }
                Rule::Pattern(source) => quote_spanned! {name.span()=> {
                    static PATTERN: #flow_engine::__private::Pattern = #flow_engine::__private::Pattern::new(#source);
                    &PATTERN
                }},
                Rule::Custom(check) => called(check, ty),
            };
            let call = quote_spanned!(name.span()=> #here.#name(#arguments););
            quote! {
                let #here = &mut *#rules;
                #[allow(clippy::redundant_closure, clippy::redundant_closure_call, clippy::borrowed_box)]
                #call
            }
        });
        quote! {
            |#rules: &mut #flow_engine::__private::Rules<'_, #ty>| { #(#calls)* }
        }
    }
}

/// A call with the value itself, so that a fn of `&str` checks a `String`.
fn called(check: &Expr, ty: &Type) -> TokenStream {
    let span = check.span();
    let value = Ident::new("__value", span);
    let callee = match check {
        Expr::Path(path) => path.to_token_stream(),
        other => quote_spanned!(span=> (#other)),
    };
    let outcome = quote_spanned!(span=> #callee(#value));
    let outcome = if let Some(inner) = params::generic_of(ty, "Option") {
        quote_spanned!(span=> #value.as_ref().map(|#value: &#inner| #outcome))
    } else {
        quote_spanned!(span=> ::core::option::Option::Some(#outcome))
    };
    quote_spanned!(span=> |#value: &#ty| #outcome)
}

/// `length(min = 1, max = 80)`
fn limits(name: &str, argument: &Argument, mistakes: &mut Mistakes) -> Option<Rule> {
    let example = if name == "length" {
        "`length(min = 1, max = 80)`"
    } else {
        "`range(min = 0, max = 10)`"
    };
    let group = match &argument.group {
        Some(group) if !group.is_empty() => group.clone(),
        _ => {
            let message = format!("`{name}` takes its limits in parentheses: {example}");
            mistakes.add(argument.written(), message);
            return None;
        }
    };
    let before = mistakes.count();
    let (mut min, mut max) = (None, None);
    for limit in arguments::read(group, &["min", "max"], mistakes) {
        let wanted = if name == "length" {
            "a whole number"
        } else {
            "a number"
        };
        let Some(value) = limit.value.clone().filter(|value| may_be(name, value)) else {
            limit.wrong::<()>(limit.value.as_ref(), wanted, mistakes);
            continue;
        };
        *(if limit.name == "min" {
            &mut min
        } else {
            &mut max
        }) = Some(value);
    }
    if let (Some(least), Some(most)) = (&min, &max)
        && let (Some(low), Some(high)) = (number(least), number(most))
        && low > high
    {
        mistakes.add(least, "`min` is greater than `max`: no value could hold");
    }
    (mistakes.count() == before).then_some(Rule::Limits { min, max })
}

/// Whether an expression may be a limit: of what is not a literal, rustc knows the type.
fn may_be(name: &str, value: &Expr) -> bool {
    match value {
        Expr::Lit(literal) => match literal.lit {
            Lit::Int(_) => true,
            Lit::Float(_) => name == "range",
            _ => false,
        },
        Expr::Unary(_) => name == "range",
        _ => true,
    }
}

/// The value of a literal.
fn number(value: &Expr) -> Option<f64> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Int(number) => number.base10_parse().ok(),
            Lit::Float(number) => number.base10_parse().ok(),
            _ => None,
        },
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => number(expr).map(|number| -number),
        _ => None,
    }
}

fn pattern(argument: &Argument, mistakes: &mut Mistakes) -> Option<LitStr> {
    let literal = argument.string(mistakes)?;
    match regex::Regex::new(&literal.value()) {
        Ok(_) => Some(literal),
        Err(error) => {
            mistakes.add(&literal, format!("this is no regular expression\n{error}"));
            None
        }
    }
}

fn custom(argument: &Argument, mistakes: &mut Mistakes) -> Option<Expr> {
    match &argument.value {
        Some(value @ (Expr::Path(_) | Expr::Closure(_))) => Some(value.clone()),
        other => argument.wrong(
            other.as_ref(),
            "the path of a fn: `custom = my_check`, with `fn my_check(value: &T) -> Result<(), String>`",
            mistakes,
        ),
    }
}
