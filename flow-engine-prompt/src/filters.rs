//! The filters that are not minijinja's own: its output is for Python and HTML, a prompt's for a reader of JSON.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use crate::printing;

/// Adds the filters, in place of minijinja's where it has one of the name.
pub(crate) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("tojson", to_json);
    environment.add_filter("join", join);
    environment.add_filter("string", string);
}

/// `{{ value | tojson }}` and `{{ value | tojson(indent=2) }}`. minijinja's escapes `<`, `>`, `&` and `'`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja hands over arguments by value"
)]
fn to_json(value: &Value, indent: Option<Value>, options: Kwargs) -> Result<String, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => options.get::<Option<Value>>("indent")?,
    };
    options.assert_all_used()?;
    match indent {
        None => printing::json(value),
        Some(indent) if indent.kind() == ValueKind::Bool => {
            if indent.is_true() {
                printing::pretty_json(value, 2)
            } else {
                printing::json(value)
            }
        }
        Some(indent) => match usize::try_from(indent) {
            Ok(indent) => printing::pretty_json(value, indent),
            Err(_) => Err(invalid("`indent` is a number")),
        },
    }
}

/// `{{ list | join(", ") }}` and `{{ list | join(", ", attribute="name") }}`. Items are printed as `{{ item }}`
/// would print them; minijinja's writes `True` and `None`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja hands over arguments by value"
)]
fn join(
    state: &mut State<'_, '_>,
    value: Value,
    joiner: Option<&str>,
    attribute: Option<&str>,
    options: Kwargs,
) -> Result<String, Error> {
    let joiner = match joiner {
        Some(joiner) => joiner.to_owned(),
        None => options.get::<Option<String>>("d")?.unwrap_or_default(),
    };
    let attribute = match attribute {
        Some(attribute) => Some(attribute.to_owned()),
        None => options.get("attribute")?,
    };
    options.assert_all_used()?;
    let items = match attribute {
        Some(name) => {
            let attribute = Kwargs::from_iter([("attribute", Value::from(name))]);
            state.apply_filter("map", &[value, Value::from(attribute)])?
        }
        None => value,
    };
    let mut text = String::new();
    for (index, item) in items.try_iter()?.enumerate() {
        if item.is_none() {
            return Err(invalid(
                "an item to join is none; leave it out with `| reject('none')`",
            ));
        }
        if index > 0 {
            text.push_str(&joiner);
        }
        text.push_str(&state.format(item)?);
    }
    Ok(text)
}

/// `{{ value | string }}`: the text that `{{ value }}` prints.
fn string(state: &mut State<'_, '_>, value: Value) -> Result<String, Error> {
    state.format(value)
}

fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail)
}
