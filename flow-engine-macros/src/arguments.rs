//! The arguments of an attribute: `#[step(kind = "structured", prompt = "summarize.md")]`.

use flow_engine_prompt::suggest::{did_you_mean, list};
use flow_engine_prompt::{Parameters, WrongParameter};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use serde_json::{Map, Value};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{
    Expr, ExprLit, Ident, Lit, LitInt, LitStr, Path, Token, UnOp, parenthesized, parse_quote, token,
};

use crate::constraints;
use crate::mistakes::Mistakes;

/// In characters.
const LONGEST_NAME: usize = 100;

/// How durations are written.
const DURATIONS: &str = r#"`"7d"`, `"12h"`, `"30m"`"#;

/// `name`, `name = value` or `name(…)`.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) value: Option<Expr>,
    /// What stands in the parentheses.
    pub(crate) group: Option<TokenStream>,
}

impl Parse for Argument {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), "an argument is written `name = value`")
        })?;
        let (mut value, mut group) = (None, None);
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            value = Some(input.parse()?);
        } else if input.peek(token::Paren) {
            let content;
            parenthesized!(content in input);
            group = Some(content.parse()?);
        }
        Ok(Self { name, value, group })
    }
}

/// Reads the arguments whose names are `known`; reports all others, and those given twice.
pub(crate) fn read(tokens: TokenStream, known: &[&str], mistakes: &mut Mistakes) -> Vec<Argument> {
    let parsed = Punctuated::<Argument, Token![,]>::parse_terminated.parse2(tokens);
    let mut arguments: Vec<Argument> = Vec::new();
    for argument in mistakes.keep(parsed).into_iter().flatten() {
        let name = argument.name.to_string();
        if !known.contains(&name.as_str()) {
            let near = did_you_mean(&name, known.iter().copied());
            let known = list(known.iter().copied());
            mistakes.add(
                &argument.name,
                format!("there is no argument `{name}`{near}\nthe arguments are {known}"),
            );
        } else if argument.group.is_some() && !constraints::NAMES.contains(&name.as_str()) {
            let message = format!("`{name}` takes no parentheses: write `{name} = …`");
            mistakes.add(argument.written(), message);
        } else if arguments
            .iter()
            .any(|earlier| earlier.name == argument.name)
        {
            mistakes.add(&argument.name, format!("`{name}` is given twice"));
        } else {
            arguments.push(argument);
        }
    }
    arguments
}

/// The path of the crate `flow-engine` where it goes by its own name.
pub(crate) fn flow_engine() -> Path {
    parse_quote!(::flow_engine)
}

impl Argument {
    /// The value as a string literal; another kind of value is reported.
    pub(crate) fn string(&self, mistakes: &mut Mistakes) -> Option<LitStr> {
        match &self.value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) => Some(text.clone()),
            other => self.wrong(other.as_ref(), "a text in quotes", mistakes),
        }
    }

    /// The value as a name to record; another kind of value is reported.
    pub(crate) fn recorded_name(&self, mistakes: &mut Mistakes) -> Option<String> {
        let literal = self.string(mistakes)?;
        let name = literal.value();
        let count = name.chars().count();
        let control = name.chars().find(|character| character.is_control());
        let wrong = match control {
            _ if name.is_empty() => "is empty".to_owned(),
            Some(control) => format!("holds the control character {control:?}"),
            None if name.trim().is_empty() => "is blank".to_owned(),
            None if count > LONGEST_NAME => format!("has {count} characters"),
            None => return Some(name),
        };
        let message = format!(
            "this name {wrong}\n\
             `name` takes 1 to {LONGEST_NAME} characters: not only blanks, and no control characters"
        );
        mistakes.add(literal, message);
        None
    }

    /// The value as seconds, from a duration such as `"7d"`; another kind of value is reported.
    pub(crate) fn seconds(&self, mistakes: &mut Mistakes) -> Option<u64> {
        let value = self.value.as_ref();
        let Some(Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        })) = value
        else {
            let wanted = format!("a duration in quotes: {DURATIONS}");
            return self.wrong(value, &wanted, mistakes);
        };
        let wanted = match humantime::parse_duration(&text.value()) {
            Ok(duration) if duration.as_secs() >= 1 && duration.subsec_nanos() == 0 => {
                return Some(duration.as_secs());
            }
            Ok(_) => format!("a duration of whole seconds, at least 1: {DURATIONS}"),
            Err(error) => format!("a duration: {DURATIONS}\n{error}"),
        };
        self.wrong(value, &wanted, mistakes)
    }

    /// The value as milliseconds, from a duration such as `"30s"`; another kind of value is reported.
    pub(crate) fn milliseconds(&self, mistakes: &mut Mistakes) -> Option<u64> {
        let text = match &self.value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) => text.value(),
            _ => String::new(),
        };
        let duration = humantime::parse_duration(&text).ok();
        duration
            .and_then(|duration| u64::try_from(duration.as_millis()).ok())
            .filter(|milliseconds| *milliseconds > 0)
            .or_else(|| {
                let wanted = r#"a duration in quotes: `"30s"`, `"500ms"`, `"2m"`"#;
                self.wrong(self.value.as_ref(), wanted, mistakes)
            })
    }

    /// The value as `true` or `false`; another kind of value is reported.
    pub(crate) fn bool(&self, mistakes: &mut Mistakes) -> Option<bool> {
        match &self.value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Bool(bool),
                ..
            })) => Some(bool.value),
            other => self.wrong(other.as_ref(), "`true` or `false`", mistakes),
        }
    }

    /// The value as a number of times, 0 too; another kind of value is reported.
    pub(crate) fn times(&self, mistakes: &mut Mistakes) -> Option<u64> {
        let times = self
            .integer()
            .and_then(|number| number.base10_parse::<u32>().ok());
        times.map(u64::from).or_else(|| {
            let wanted = "how many times: a whole number";
            self.wrong(self.value.as_ref(), wanted, mistakes)
        })
    }

    /// The value as an amount of US dollars; another kind of value is reported.
    pub(crate) fn nano_usd(&self, mistakes: &mut Mistakes) -> Option<i64> {
        let usd = self
            .value
            .as_ref()
            .and_then(json)
            .and_then(|usd| usd.as_f64());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, at nine billion dollars"
        )]
        let nano = usd.map(|usd| (usd * 1e9).round() as i64);
        nano.filter(|nano| *nano > 0).or_else(|| {
            let wanted = "an amount of US dollars above 0: `0.50`";
            self.wrong(self.value.as_ref(), wanted, mistakes)
        })
    }

    fn integer(&self) -> Option<&LitInt> {
        match &self.value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            })) => Some(number),
            _ => None,
        }
    }

    /// The value as a whole number of at least 1; another kind of value is reported.
    pub(crate) fn count(&self, mistakes: &mut Mistakes) -> Option<i32> {
        self.integer()
            .and_then(|number| number.base10_parse().ok())
            .filter(|number| *number >= 1)
            .or_else(|| {
                self.wrong(
                    self.value.as_ref(),
                    "a whole number of at least 1",
                    mistakes,
                )
            })
    }

    /// The value as a type's name in quotes; another kind of value is reported.
    pub(crate) fn type_name(&self, mistakes: &mut Mistakes) -> Option<Ident> {
        self.code(
            r#"the name of a type in quotes: `type = "MyCall"`"#,
            mistakes,
        )
    }

    /// The value as the path of the crate `flow-engine` in quotes; another kind of value is reported.
    pub(crate) fn crate_path(&self, mistakes: &mut Mistakes) -> Option<Path> {
        self.code(
            r#"the path of flow-engine in quotes: `crate = "my_name"`"#,
            mistakes,
        )
    }

    fn code<T: Parse>(&self, wanted: &str, mistakes: &mut Mistakes) -> Option<T> {
        let code = match &self.value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) => text.parse().ok(),
            _ => None,
        };
        code.or_else(|| self.wrong(self.value.as_ref(), wanted, mistakes))
    }

    /// True for a name that stands alone; a value is reported.
    pub(crate) fn flag(&self, mistakes: &mut Mistakes) -> bool {
        if let Some(value) = &self.value {
            mistakes.add(value, format!("`{}` takes no value", self.name));
        }
        true
    }

    /// The value as that of the model parameter of this name; another one is reported.
    pub(crate) fn parameter(&self, parameters: &mut Map<String, Value>, mistakes: &mut Mistakes) {
        let name = self.name.to_string();
        let value = self.value.as_ref().and_then(json);
        let mut checked = Parameters::default();
        match checked.set(&name, value.as_ref().unwrap_or(&Value::Null)) {
            Ok(()) => {
                parameters.insert(name, value.unwrap_or_default());
            }
            Err(WrongParameter::Value(expected)) => {
                self.wrong::<()>(self.value.as_ref(), &expected, mistakes);
            }
            // Only parameters are read as one.
            Err(WrongParameter::Name) => {}
        }
    }

    /// All of it.
    pub(crate) fn written(&self) -> TokenStream {
        let (name, value, group) = (&self.name, &self.value, &self.group);
        quote!(#name #value #group)
    }

    pub(crate) fn wrong<T>(
        &self,
        value: Option<&Expr>,
        wanted: &str,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        let message = format!("`{}` takes {wanted}", self.name);
        match value {
            Some(value) => mistakes.add(value.to_token_stream(), message),
            None => mistakes.add(&self.name, message),
        }
        None
    }
}

/// A literal as JSON.
fn json(value: &Expr) -> Option<Value> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value().into()),
            Lit::Bool(bool) => Some(bool.value().into()),
            Lit::Int(number) => number.base10_parse::<i64>().ok().map(Value::from),
            Lit::Float(number) => number.base10_parse::<f64>().ok().map(Value::from),
            _ => None,
        },
        Expr::Unary(negative) if matches!(negative.op, UnOp::Neg(_)) => {
            match json(&negative.expr)? {
                Value::Number(number) => match number.as_i64() {
                    Some(integer) => Some((-integer).into()),
                    None => number.as_f64().map(|float| (-float).into()),
                },
                _ => None,
            }
        }
        Expr::Array(array) => array
            .elems
            .iter()
            .map(json)
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::read;
    use crate::mistakes::Mistakes;

    #[test]
    fn an_unknown_argument_is_reported_with_the_nearest_one_in_any_case() {
        for (written, near) in [
            (
                quote!(PROMPT = 1),
                "there is no argument `PROMPT`; did you mean `prompt`?",
            ),
            (
                quote!(promt = 1),
                "there is no argument `promt`; did you mean `prompt`?",
            ),
            (
                quote!(promt(1)),
                "there is no argument `promt`; did you mean `prompt`?",
            ),
            (quote!(retries = 1), "there is no argument `retries`\\n"),
        ] {
            let mut mistakes = Mistakes::default();
            assert!(read(written, &["kind", "prompt"], &mut mistakes).is_empty());
            let errors = mistakes.into_compile_errors().to_string();
            assert!(errors.contains(near), "{errors}");
            assert!(
                errors.contains("the arguments are `kind`, `prompt`"),
                "{errors}"
            );
        }
    }

    #[test]
    fn parentheses_are_for_what_takes_them() {
        let mut mistakes = Mistakes::default();
        let read = read(
            quote!(length(max = 1), prompt("a.md")),
            &["length", "prompt"],
            &mut mistakes,
        );
        assert_eq!(read.len(), 1);
        let errors = mistakes.into_compile_errors().to_string();
        let message = "`prompt` takes no parentheses: write `prompt = …`";
        assert!(errors.contains(message), "{errors}");
    }
}
