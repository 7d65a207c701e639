//! One input of a step or a flow, as the macros describe it: how it is written to JSON, read back and shown in a
//! schema.
//!
//! The macros emit one constant of function pointers for each input. A `derive` would cost more to compile and
//! would report one wrong input type several times.

mod ordered;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::constraints::{Check, Rules, Violations};
use crate::error::{Error, ErrorKind};

/// What an input of a step or a flow must be: JSON both ways, with a schema, owned.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an input of a step or a flow",
    label = "inputs are recorded as JSON and described by a JSON schema",
    note = "put `#[flow_engine::data]` on `{Self}`, or derive `Serialize`, `Deserialize`, `JsonSchema` (schemars 1) and `Clone`",
    note = "a service or a connection is not an input: mark it `#[state]`"
)]
pub trait InputType:
    Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static
{
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static> InputType for T {}

/// One input: its name, its description and what is done with its type.
pub struct Input<T> {
    name: &'static str,
    docs: &'static str,
    default: Option<fn() -> T>,
    to_json: fn(&T) -> serde_json::Result<Value>,
    from_json: fn(Value) -> Result<T, String>,
    schema: fn(&mut SchemaGenerator) -> Schema,
    clone: fn(&T) -> T,
    rules: fn(&mut Rules<'_, T>),
    check: Check<T>,
}

/// Called by the macros, as a function, so that a wrong type is one error at that type.
pub const fn input<T: InputType>(
    name: &'static str,
    docs: &'static str,
    default: Option<fn() -> T>,
) -> Input<T> {
    Input {
        name,
        docs,
        default,
        to_json: ordered::to_value,
        from_json: |value| from_json(value),
        schema: SchemaGenerator::subschema_for::<T>,
        clone: T::clone,
        rules: |_| {},
        check: |_, _| {},
    }
}

fn from_json<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(at_path)
}

/// The reason, with the path to what does not fit before it.
pub(crate) fn at_path(error: serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    let reason = error.into_inner();
    if path == "." {
        reason.to_string()
    } else {
        format!("at `{path}`: {reason}")
    }
}

impl<T> Input<T> {
    /// With what the constraints of its type find.
    pub const fn checked(self, check: Check<T>) -> Self {
        Self { check, ..self }
    }

    /// With constraints of its own.
    pub const fn ruled(self, rules: fn(&mut Rules<'_, T>)) -> Self {
        Self { rules, ..self }
    }

    /// What does not hold in the value, if anything.
    pub fn violations(&self, value: &T) -> Option<String> {
        let found = Violations::of(value, |value, found| {
            (self.rules)(&mut Rules::Check(value, found));
            (self.check)(value, found);
        });
        found.map(|found| format!("the input `{}` does not hold: {found}", self.name))
    }

    /// Writes the value into the JSON object that is recorded.
    ///
    /// # Errors
    /// When it cannot be written as JSON: a map whose keys are not texts.
    pub fn put(&self, value: &T, inputs: &mut Map<String, Value>) -> Result<(), Error> {
        let json = (self.to_json)(value).map_err(|error| {
            let message = format!(
                "the input `{}` cannot be written as JSON: {error}",
                self.name
            );
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        if is_deeper_than(&json, DEEPEST) {
            return Err(invalid(format!(
                "the input `{}` is nested deeper than {DEEPEST} levels, and could not be read back",
                self.name
            )));
        }
        inputs.insert(self.name.to_owned(), json);
        Ok(())
    }

    /// Takes the value out of a JSON object, or the default if it is not there.
    ///
    /// # Errors
    /// When it is missing and has no default, or does not fit the type.
    pub fn take(&self, inputs: &mut Map<String, Value>) -> Result<T, Error> {
        match (inputs.remove(self.name), self.default) {
            (Some(json), _) => (self.from_json)(json).map_err(|reason| {
                invalid(format!("the input `{}` does not fit: {reason}", self.name))
            }),
            (None, Some(default)) => Ok(default()),
            (None, None) => Err(invalid(format!("the input `{}` is missing", self.name))),
        }
    }

    /// As [`take`](Self::take), but an error does not quote the value.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub fn take_secret(&self, inputs: &mut Map<String, Value>) -> Result<T, Error> {
        let is_there = inputs.contains_key(self.name);
        self.take(inputs).map_err(|error| {
            if is_there {
                let name = self.name;
                invalid(format!(
                    "the input `{name}` does not fit; it is secret, so its value is not shown"
                ))
            } else {
                error
            }
        })
    }

    /// Clones the value.
    pub fn clone_value(&self, value: &T) -> T {
        (self.clone)(value)
    }

    /// Adds the input to a schema of all inputs.
    pub fn describe(&self, schema: &mut InputsSchema) {
        let mut property = self.property(schema);
        let default = self
            .default
            .and_then(|default| (self.to_json)(&default()).ok());
        if let Some(default) = default.filter(|default| !default.is_null()) {
            property.insert("default".to_owned(), default);
        }
        schema.add(self.name, property, self.default.is_none());
    }

    /// Adds an input whose value is kept nowhere: it is written and never read back, and has no default to be seen.
    pub fn describe_secret(&self, schema: &mut InputsSchema) {
        let mut property = self.property(schema);
        property.insert("writeOnly".to_owned(), true.into());
        schema.add(self.name, property, self.default.is_none());
    }

    fn property(&self, schema: &mut InputsSchema) -> Schema {
        let mut property = (self.schema)(&mut schema.generator);
        (self.rules)(&mut Rules::Describe(&mut property));
        if !self.docs.is_empty() {
            property.insert("description".to_owned(), self.docs.into());
        }
        property
    }
}

impl<T> std::fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Input").field(&self.name).finish()
    }
}

/// The inputs of a call as the text that is recorded.
pub(crate) fn text(inputs: &Map<String, Value>) -> Result<String, Error> {
    serde_json::to_string(inputs)
        .map_err(|error| invalid(format!("the inputs cannot be written as JSON: {error}")))
}

/// `serde_json` reads 128 levels; some are those of the rows and requests that hold an input.
const DEEPEST: usize = 100;

fn is_deeper_than(json: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else {
        return json.is_array() || json.is_object();
    };
    match json {
        Value::Array(items) => items.iter().any(|item| is_deeper_than(item, below)),
        Value::Object(fields) => fields.values().any(|field| is_deeper_than(field, below)),
        _ => false,
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

/// Called by the macros before the inputs are taken one by one.
///
/// # Errors
/// When there is a name that is no input's; the message lists those that are.
pub fn known(inputs: &Map<String, Value>, names: &[&str]) -> Result<(), Error> {
    let Some(unknown) = inputs.keys().find(|name| !names.contains(&name.as_str())) else {
        return Ok(());
    };
    let names = names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    Err(invalid(format!(
        "there is no input `{unknown}`; the inputs are {names}"
    )))
}

/// The JSON schema of all inputs of a step or a flow, as it is being written.
#[derive(Debug)]
pub struct InputsSchema {
    generator: SchemaGenerator,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl InputsSchema {
    pub(crate) fn new() -> Self {
        Self {
            generator: SchemaGenerator::default(),
            properties: Map::new(),
            required: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, property: Schema, required: bool) {
        self.properties.insert(name.to_owned(), property.to_value());
        if required {
            self.required.push(name.into());
        }
    }

    pub(crate) fn finish(mut self, title: &str, docs: &str) -> Value {
        let mut schema = Map::new();
        schema.insert(
            "$schema".to_owned(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        schema.insert("title".to_owned(), title.into());
        if !docs.is_empty() {
            schema.insert("description".to_owned(), docs.into());
        }
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), self.properties.into());
        schema.insert("required".to_owned(), self.required.into());
        schema.insert("additionalProperties".to_owned(), false.into());
        let definitions = self.generator.take_definitions(true);
        if !definitions.is_empty() {
            schema.insert("$defs".to_owned(), definitions.into());
        }
        schema.into()
    }
}
