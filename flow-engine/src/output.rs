//! The output of a step or a flow: its type, as functions over JSON.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Call;
use crate::constraints::{Check, Violations};
use crate::error::{Error, ErrorKind};
use crate::inputs::at_path;

/// What an output of a step or a flow must be: JSON both ways, with a schema, owned.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of a step or a flow",
    label = "outputs are recorded as JSON and described by a JSON schema",
    note = "put `#[flow_engine::data]` on `{Self}`, or on the type inside it if it is one of another crate; or derive `Serialize`, `Deserialize` and `JsonSchema` (schemars 1)",
    note = "a fn that may fail returns a `Result`, or an alias of that form whose name ends in `Result`: `MyResult<Summary>`"
)]
pub trait OutputType: Serialize + DeserializeOwned + JsonSchema + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> OutputType for T {}

/// An output type, as functions.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    name: fn() -> Cow<'static, str>,
    schema: fn() -> Value,
    reads: fn(&Value) -> Result<(), String>,
    check: fn(&Value) -> Result<(), String>,
    write: fn(&Erased) -> serde_json::Result<String>,
    read: fn(&str) -> Result<Erased, String>,
}

/// An [`Output`] with what needs the type itself.
#[derive(Debug)]
pub struct OutputOf<T> {
    erased: Output,
    read_value: fn(&Value) -> Result<T, String>,
}

/// A value of some [`Output`], of which only that knows the type: what happens to it in a run is compiled once, and not in the
/// user's crate for each type.
pub(crate) struct Erased(Box<dyn Any + Send>);

impl fmt::Debug for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erased").finish_non_exhaustive()
    }
}

impl Erased {
    pub(crate) fn new<T: Send + 'static>(value: T) -> Self {
        Self(Box::new(value))
    }

    /// # Panics
    /// When the value is of another type: an output's functions and its values come from one call.
    pub(crate) fn into_inner<T: 'static>(self) -> T {
        match self.0.downcast() {
            Ok(value) => *value,
            Err(_) => other_type::<T>(),
        }
    }

    fn get<T: 'static>(&self) -> &T {
        self.0.downcast_ref().unwrap_or_else(other_type::<&T>)
    }
}

fn other_type<T>() -> T {
    unreachable!("an output is of another type than its call")
}

/// Called by the macros, as a function, so that a wrong type is one error at that type.
pub const fn output<T: OutputType>() -> OutputOf<T> {
    OutputOf {
        erased: Output {
            name: T::schema_name,
            schema: || {
                SchemaGenerator::default()
                    .into_root_schema_for::<T>()
                    .to_value()
            },
            reads: |value| read_value::<T>(value).map(drop),
            check: |value| read_value::<T>(value).map(drop),
            write: |output| serde_json::to_string(output.get::<T>()),
            read: |text| read::<T>(text).map(Erased::new),
        },
        read_value: read_value::<T>,
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // Integers above 64 bits read from text only; with serde_json's `arbitrary_precision`, floats in types that serde buffers
    // (`untagged`, `flatten`) from a value only. A value also tells where in it the mistake is.
    serde_json::from_str(text).or_else(|error| match serde_json::from_str(text) {
        Ok(value) => read_value(&value),
        Err(_) => Err(error.to_string()),
    })
}

fn read_value<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(at_path)
}

impl Output {
    /// The type's name, as its schema gives it.
    pub fn name(&self) -> Cow<'static, str> {
        (self.name)()
    }

    /// The type's JSON schema.
    pub fn schema(&self) -> Value {
        (self.schema)()
    }

    /// Whether a value reads as the type, and keeps its constraints.
    ///
    /// # Errors
    /// The path to what does not fit, and why.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        (self.check)(value)
    }

    /// Whether a value reads as the type at all.
    pub(crate) fn reads(&self, value: &Value) -> bool {
        (self.reads)(value).is_ok()
    }

    /// What a task or a flow returned.
    pub(crate) fn record(&self, output: &Erased) -> Result<Recorded<Erased>, Error> {
        let json = (self.write)(output)
            .map_err(|error| invalid(format!("the output cannot be written as JSON: {error}")))?;
        self.read_back(json)
    }

    /// The output as a JSON value.
    pub(crate) fn value_of(&self, output: &Erased) -> Result<Value, Error> {
        let json = self.record(output)?.json;
        serde_json::from_str(&json)
            .map_err(|error| invalid(format!("the output cannot be read as JSON: {error}")))
    }

    /// What is recorded as this JSON.
    pub(crate) fn read_back(&self, json: String) -> Result<Recorded<Erased>, Error> {
        self.read(json).map_err(|reason| {
            invalid(format!(
                "the output does not read back from its own JSON: {reason}"
            ))
        })
    }

    /// What this JSON is, or why it is none.
    pub(crate) fn read(&self, json: String) -> Result<Recorded<Erased>, String> {
        let output = (self.read)(&json)?;
        Ok(Recorded { json, output })
    }
}

/// An output as it is recorded, and as it reads back from there: live as on a replay, a caller gets the latter.
#[derive(Debug)]
pub(crate) struct Recorded<T> {
    pub(crate) json: String,
    pub(crate) output: T,
}

impl<T> OutputOf<T> {
    /// With what the constraints of the type find: those that the macros saw at the call's definition.
    pub const fn held_to<C: Call<Output = T>>(self) -> Self {
        let check = |value: &Value| C::OUTPUT.holds(value, C::OUTPUT_CHECK);
        Self {
            erased: Output {
                check,
                ..self.erased
            },
            ..self
        }
    }

    fn holds(&self, value: &Value, check: Check<T>) -> Result<(), String> {
        let output = (self.read_value)(value)?;
        Violations::of(&output, check).map_or(Ok(()), Err)
    }

    /// Without the type.
    pub const fn erased(&self) -> Output {
        self.erased
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOutput, message)
}
