//! The options of a step that say what becomes of failures.

use proc_macro2::Ident;
use quote::{ToTokens as _, format_ident};
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::arguments::Argument;
use crate::mistakes::Mistakes;

/// What was given. Times are in milliseconds, choices are variants.
#[derive(Default)]
pub(crate) struct Policy {
    pub(crate) retries: Option<u64>,
    pub(crate) timeout: Option<u64>,
    pub(crate) attempt_timeout: Option<u64>,
    pub(crate) on_truncate: Option<Ident>,
    pub(crate) on_invalid: Option<u64>,
    pub(crate) on_refusal: Option<Ident>,
    pub(crate) fallback: Option<Vec<LitStr>>,
}

impl Policy {
    pub(super) const NAMES: [&'static str; 7] = [
        "retries",
        "timeout",
        "attempt_timeout",
        "on_truncate",
        "on_invalid",
        "on_refusal",
        "fallback",
    ];

    /// Those that only make sense for a step that asks a model.
    pub(super) const OF_MODELS: [&'static str; 5] = [
        "attempt_timeout",
        "on_truncate",
        "on_invalid",
        "on_refusal",
        "fallback",
    ];

    /// Reads the option of this argument.
    pub(super) fn read(&mut self, argument: &Argument, mistakes: &mut Mistakes) {
        match argument.name.to_string().as_str() {
            "retries" => self.retries = argument.times(mistakes),
            "timeout" => self.timeout = argument.milliseconds(mistakes),
            "attempt_timeout" => self.attempt_timeout = argument.milliseconds(mistakes),
            "on_truncate" => {
                self.on_truncate = choice(argument, [("fail", "Fail"), ("grow", "Grow")], mistakes);
            }
            "on_invalid" => self.on_invalid = argument.times(mistakes),
            "on_refusal" => {
                let choices = [("fail", "Fail"), ("fallback", "Fallback")];
                self.on_refusal = choice(argument, choices, mistakes);
            }
            _ => self.fallback = fallback(argument, mistakes),
        }
    }
}

/// The variant for one of two words.
fn choice(
    argument: &Argument,
    choices: [(&str, &str); 2],
    mistakes: &mut Mistakes,
) -> Option<Ident> {
    let text = match &argument.value {
        Some(Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        })) => text.value(),
        _ => String::new(),
    };
    let chosen = choices.into_iter().find(|(word, _)| *word == text);
    if let Some((_, variant)) = chosen {
        return Some(format_ident!("{variant}"));
    }
    let [(one, _), (other, _)] = choices;
    let wanted = format!("`\"{one}\"` or `\"{other}\"`");
    argument.wrong(argument.value.as_ref(), &wanted, mistakes)
}

/// A model, or several.
fn fallback(argument: &Argument, mistakes: &mut Mistakes) -> Option<Vec<LitStr>> {
    let model = |value: &Expr| syn::parse2::<LitStr>(value.to_token_stream()).ok();
    let models = match &argument.value {
        Some(Expr::Array(list)) => list.elems.iter().map(model).collect(),
        Some(value) => model(value).map(|model| vec![model]),
        None => None,
    };
    let named = models.filter(|models| models.iter().all(|model| !model.value().trim().is_empty()));
    named.or_else(|| {
        let wanted = r#"a model or a list of them: `fallback = ["gpt-5-mini", "mistral/mistral-small-latest"]`"#;
        argument.wrong(argument.value.as_ref(), wanted, mistakes)
    })
}
