//! How values get into templates and out of them again: text as it is, everything else as JSON.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Output, State, Value};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use crate::marks::Mark;

/// The detail of the error for a bare `{{ note }}` whose value is none; the renderer adds the name.
pub(crate) const NONE_PRINTED: &str = "none cannot be printed";

/// The formatter of `{{ … }}`.
pub(crate) fn format(
    out: &mut Output<'_>,
    _: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if let Some(mark) = value.downcast_object_ref::<Mark>() {
        out.write_str(mark.text())?;
        return Ok(());
    }
    match (value.kind(), value.as_str()) {
        (_, Some(text)) => out.write_str(text)?,
        // What an inline `if` without an `else` gives; other undefined values never come here.
        (ValueKind::Undefined, _) => {}
        (ValueKind::None, _) => return Err(Error::new(ErrorKind::InvalidOperation, NONE_PRINTED)),
        (ValueKind::Plain, _) => {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                "a function or macro cannot be printed; call it",
            ));
        }
        _ => out.write_str(&json(value)?)?,
    }
    Ok(())
}

/// Compact JSON.
pub(crate) fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| not_json(&error))
}

/// JSON over several lines.
pub(crate) fn pretty_json(value: &Value, indent: usize) -> Result<String, Error> {
    let indent = " ".repeat(indent.min(16));
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    value
        .serialize(&mut serializer)
        .map_err(|error| not_json(&error))?;
    String::from_utf8(bytes)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::new(
        ErrorKind::BadSerialization,
        format!("the value has no JSON form: {error}"),
    )
}

/// The template's form of a JSON value.
///
/// By hand and not through serde: with `serde_json/arbitrary_precision`, which any crate may turn on, a number
/// serializes as a map.
pub(crate) fn to_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(bool) => Value::from(*bool),
        serde_json::Value::Number(number) => number_to_value(number),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => {
            Value::from(items.iter().map(to_value).collect::<Vec<_>>())
        }
        serde_json::Value::Object(fields) => object_to_value(fields),
    }
}

/// The template's form of a JSON object, fields in order.
fn object_to_value(fields: &serde_json::Map<String, serde_json::Value>) -> Value {
    Value::from_pairs(
        fields
            .iter()
            .map(|(name, value)| (name.as_str(), to_value(value))),
    )
}

fn number_to_value(number: &serde_json::Number) -> Value {
    if let Some(integer) = number.as_i64() {
        Value::from(integer)
    } else if let Some(integer) = number.as_u64() {
        Value::from(integer)
    } else if let Some(integer) = number.as_i128() {
        Value::from(integer)
    } else if let Some(integer) = number.as_u128() {
        Value::from(integer)
    } else if let Some(float) = number.as_f64() {
        Value::from(float)
    } else {
        // Out of reach of every number type: only its digits are left.
        Value::from(number.to_string())
    }
}
