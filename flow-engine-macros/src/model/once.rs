//! `#[step(once, key = "charge-{order_id}")]`: what the effect of a step is known by.

use flow_engine_prompt::suggest::{did_you_mean, list};
use proc_macro2::Ident;
use syn::LitStr;

use super::{Arguments, Work};
use crate::mistakes::Mistakes;
use crate::names::plain;
use crate::params::{Input, Param};

/// The key of an effect: what is written between its inputs, and these.
pub(crate) struct Key {
    /// As written.
    pub(crate) text: LitStr,
    pub(crate) parts: Vec<Part>,
}

pub(crate) enum Part {
    Text(String),
    Input(Ident),
}

impl Key {
    /// The inputs that it is made of.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Ident> {
        self.parts.iter().filter_map(|part| match part {
            Part::Input(name) => Some(name),
            Part::Text(_) => None,
        })
    }
}

/// What was given.
#[derive(Default)]
pub(super) struct Once {
    pub(super) flag: Option<Ident>,
    pub(super) key: Option<(Ident, Option<LitStr>)>,
    /// Arguments that it excludes, and why.
    pub(super) excluded: Vec<(Ident, &'static str)>,
}

/// Why an argument does not go with `once`, if it does not.
pub(super) fn exclusion(argument: &str) -> Option<&'static str> {
    match argument {
        "retries" => Some(
            "a `once` step is not tried again by itself, since nobody knows whether a failed try had its effect: leave \
             out `retries`; `engine.resolve(…, Resolution::Retry)` runs it again when a person says so",
        ),
        "cache" => Some(
            "a `once` step has its effect in every run, and so takes no result of another one: leave out `cache`",
        ),
        _ => None,
    }
}

/// The key of a step that is `once`, if all is well with it.
pub(super) fn decide(
    arguments: &Arguments,
    work: &Work,
    params: &[Param],
    mistakes: &mut Mistakes,
) -> Option<Key> {
    let Once {
        flag,
        key,
        excluded,
    } = &arguments.once;
    let Some(flag) = flag else {
        if let Some((name, _)) = key {
            let message = "`key` says what the effect of a `once` step is known by: write `once, key = \"…\"`, or leave it out";
            mistakes.add(name, message);
        }
        return None;
    };
    if let Work::Ask { .. } = work {
        let message = "only a step with a body can be `once`: asking a model has no effect that must not repeat";
        mistakes.add(flag, message);
        return None;
    }
    for (argument, why) in excluded {
        mistakes.add(argument, why);
    }
    let Some((_, text)) = key else {
        let example = example(params);
        let message = format!(
            "`once` needs a `key`, by which the effect is known in its run, wherever it is called: `once, key = \"{example}\"`"
        );
        mistakes.add(flag, message);
        return None;
    };
    let text = text.as_ref()?;
    match read(text, params) {
        Ok(parts) => Some(Key {
            text: text.clone(),
            parts,
        }),
        Err(message) => {
            mistakes.add(text, message);
            None
        }
    }
}

fn inputs(params: &[Param]) -> impl Iterator<Item = &Input> {
    params.iter().filter_map(|param| match param {
        Param::Input(input) => Some(input),
        Param::State(_) => None,
    })
}

/// A key for a step with these parameters.
fn example(params: &[Param]) -> String {
    match inputs(params).find(|input| !input.secret) {
        Some(input) => format!("charge-{{{}}}", plain(&input.name)),
        None => "welcome-mail".to_owned(),
    }
}

/// The parts of a key, or what is wrong with it.
fn read(text: &LitStr, params: &[Param]) -> Result<Vec<Part>, String> {
    const ESCAPES: &str = "a brace itself is written twice: `{{` or `}}`";
    let value = text.value();
    if value.trim().is_empty() {
        return Err("this key is empty: an effect is known by it".to_owned());
    }
    let mut parts = Vec::new();
    let mut written = String::new();
    let mut rest = value.as_str();
    while let Some(place) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(place);
        written.push_str(before);
        if let Some(after) = brace
            .strip_prefix("{{")
            .or_else(|| brace.strip_prefix("}}"))
        {
            written.push_str(&brace[..1]);
            rest = after;
            continue;
        }
        let Some(inside) = brace.strip_prefix('{') else {
            return Err(format!("this `}}` closes nothing\n{ESCAPES}"));
        };
        let Some((name, after)) = inside.split_once('}') else {
            return Err(format!("this `{{` is not closed\n{ESCAPES}"));
        };
        let input = input(name, params)?;
        if !written.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut written)));
        }
        parts.push(Part::Input(input));
        rest = after;
    }
    written.push_str(rest);
    if !written.is_empty() {
        parts.push(Part::Text(written));
    }
    Ok(parts)
}

/// The input of this name.
fn input(name: &str, params: &[Param]) -> Result<Ident, String> {
    let is_name = |name: &str| {
        let mut characters = name.chars();
        characters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && characters.all(|character| character.is_alphanumeric() || character == '_')
    };
    if !is_name(name) {
        return Err(format!(
            "`{{{name}}}` is not the name of an input: a key takes `{{name}}` only, without formats and expressions"
        ));
    }
    for param in params {
        match param {
            Param::Input(input) if plain(&input.name) == name => {
                if input.secret {
                    return Err(format!(
                        "the input `{name}` is secret, and a key is kept in the database: take another input"
                    ));
                }
                return Ok(input.name.clone());
            }
            Param::State(state) if plain(&state.name) == name => {
                return Err(format!(
                    "`{name}` is state and no input: a key is made of what is recorded"
                ));
            }
            _ => {}
        }
    }
    let names: Vec<String> = inputs(params).map(|input| plain(&input.name)).collect();
    let near = did_you_mean(name, names.iter().map(String::as_str));
    let known = if names.is_empty() {
        "it has none".to_owned()
    } else {
        format!("the inputs are {}", list(names.iter().map(String::as_str)))
    };
    Err(format!("there is no input `{name}`{near}\n{known}"))
}
