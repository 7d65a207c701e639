//! What the macros know of a step or a flow at compile time, and the registry of all of them.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::call::{AnyCall, Call};
use crate::error::{Error, ErrorKind};
use crate::inputs::{self, InputsSchema};
use crate::output::Output;
use crate::policy::StepPolicy;
use crate::prompt::Prompt;
use crate::schedule::Schedule;
use crate::secret::{Secrets, redacted, unrecorded};
use crate::state::StateType;
use crate::step::StepKind;

/// A step or a flow of the program: its name, kind, documentation and schemas.
pub struct Definition {
    #[doc(hidden)]
    pub name: &'static str,
    #[doc(hidden)]
    pub work: WorkKind,
    #[doc(hidden)]
    pub docs: &'static str,
    #[doc(hidden)]
    pub version: i32,
    #[doc(hidden)]
    pub location: &'static str,
    #[doc(hidden)]
    pub inputs: fn(&mut InputsSchema),
    #[doc(hidden)]
    pub output: Output,
    #[doc(hidden)]
    pub state: &'static [StateType],
    /// The hash of a body's tokens.
    #[doc(hidden)]
    pub code: Option<&'static str>,
    /// For how many seconds a result may be used again.
    #[doc(hidden)]
    pub cache: Option<u64>,
    /// What the effect of a `once` step is known by, as it is written.
    #[doc(hidden)]
    pub once: Option<&'static str>,
    /// The inputs whose values are kept nowhere.
    #[doc(hidden)]
    pub secrets: &'static [&'static str],
    /// Whether a model is held to a strict schema.
    #[doc(hidden)]
    pub strict: bool,
    /// What it may spend, in nano-USD.
    #[doc(hidden)]
    pub budget: Option<i64>,
    /// What it says of failures.
    #[doc(hidden)]
    pub policy: StepPolicy,
    /// When it is started, if it is a flow.
    #[doc(hidden)]
    pub schedule: Option<Schedule>,
}

/// What a [`Definition`] does when it is called.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[expect(
    missing_debug_implementations,
    reason = "shown as the definition's kind"
)]
pub enum WorkKind {
    Flow {
        total_steps: Option<i32>,
        /// How many background runs of it are executed at a time.
        concurrency: Option<u32>,
    },
    Task,
    Model {
        kind: &'static dyn StepKind,
        prompt: &'static Prompt,
    },
}

impl Definition {
    /// The fn's name, or the one given by `name = "…"`; unique in a program.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `flow`, `task`, or the name of a model step's kind: `unstructured`, `structured`, …
    pub fn kind(&self) -> &'static str {
        match self.work {
            WorkKind::Flow { .. } => "flow",
            WorkKind::Task => "task",
            WorkKind::Model { kind, .. } => kind.name(),
        }
    }

    /// The fn's doc comment.
    pub fn docs(&self) -> &'static str {
        self.docs
    }

    /// The version given in the attribute; 1 if none was.
    pub fn version(&self) -> i32 {
        self.version
    }

    /// What the effect of a `once` step is known by, as it is written: `charge-{order_id}`; `None` for all others.
    pub fn once(&self) -> Option<&'static str> {
        self.once
    }

    /// Where it is written: `src/summarize.rs:12`.
    pub fn location(&self) -> &'static str {
        self.location
    }

    /// The JSON schema of the inputs.
    pub fn input_schema(&self) -> Value {
        let mut schema = InputsSchema::new();
        (self.inputs)(&mut schema);
        schema.finish(self.name, self.docs)
    }

    /// The JSON schema of the output.
    pub fn output_schema(&self) -> Value {
        self.output.schema()
    }

    /// The type of the output: its name, its schema, and whether a value fits it.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// The prompt of a model step.
    pub fn prompt(&self) -> Option<&'static Prompt> {
        match self.work {
            WorkKind::Model { prompt, .. } => Some(prompt),
            WorkKind::Flow { .. } | WorkKind::Task => None,
        }
    }

    /// When workers start the flow, if it says so.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// The inputs as they are recorded and shown.
    pub(crate) fn redacted<'a>(
        &self,
        inputs: &'a Map<String, Value>,
    ) -> Cow<'a, Map<String, Value>> {
        redacted(self.secrets, &Secrets::of(self.secrets, inputs), inputs)
    }

    pub(crate) fn is_flow(&self) -> bool {
        matches!(self.work, WorkKind::Flow { .. })
    }

    /// How many background runs of a flow are executed at a time, over all workers of a database.
    pub(crate) fn concurrency(&self) -> Option<u32> {
        match self.work {
            WorkKind::Flow { concurrency, .. } => concurrency,
            WorkKind::Task | WorkKind::Model { .. } => None,
        }
    }

    pub(crate) fn total_steps(&self) -> Option<i32> {
        match self.work {
            WorkKind::Flow { total_steps, .. } => total_steps,
            // Used alone, a step is a run of one step.
            WorkKind::Task | WorkKind::Model { .. } => Some(1),
        }
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("name", &self.name)
            .field("kind", &self.kind())
            .field("version", &self.version)
            .field("location", &self.location)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

/// One entry of the registry, which the linker fills: there is no list to keep.
#[doc(hidden)]
#[derive(Debug)]
pub struct Registration {
    definition: fn() -> &'static Definition,
    from_inputs: FromInputs,
}

/// Makes a call of a JSON object of inputs, or says why they do not fit.
type FromInputs = fn(Map<String, Value>) -> Result<Box<dyn AnyCall>, Error>;

/// Called by the macros.
#[doc(hidden)]
pub const fn registration<C: Call>() -> Registration {
    Registration {
        definition: C::definition,
        from_inputs: |inputs| Ok(Box::new(C::from_inputs(inputs)?)),
    }
}

impl Registration {
    pub(crate) fn definition(&self) -> &'static Definition {
        (self.definition)()
    }

    /// Whether all recorded inputs are the call's.
    pub(crate) fn check_known(&self, inputs: &Map<String, Value>) -> Result<(), Error> {
        let schema = self.definition().input_schema();
        let known = schema["properties"].as_object();
        let names: Vec<&str> = known
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect();
        inputs::known(inputs, &names)
    }

    /// A call as it was recorded, or why it is none any more.
    pub(crate) fn recorded_call(
        &self,
        inputs: Map<String, Value>,
    ) -> Result<Box<dyn AnyCall>, Error> {
        (self.from_inputs)(recorded_for(self.definition(), inputs)?)
    }
}

/// Recorded inputs, as far as they are still the call's.
fn recorded_for(
    definition: &Definition,
    mut inputs: Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    // An input that the fn has no more is no obstacle; one that it newly needs is.
    let schema = definition.input_schema();
    let known = schema["properties"].as_object();
    inputs.retain(|name, _| known.is_some_and(|known| known.contains_key(name)));
    match unrecorded(definition.secrets, &inputs) {
        None => Ok(inputs),
        Some(secret) => {
            let message = format!(
                "the input `{secret}` of `{}` is secret and was not recorded; `Engine::resume_with` takes the call, with which a run \
                 goes on",
                definition.name()
            );
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

inventory::collect!(Registration);

/// Every step and flow linked into the program, by name.
pub(crate) fn registered() -> Vec<&'static Definition> {
    let mut all: Vec<_> = inventory::iter::<Registration>
        .into_iter()
        .map(Registration::definition)
        .collect();
    all.sort_by_key(|definition| definition.name);
    all
}

/// The step or flow of this name.
pub(crate) fn find(name: &str) -> Option<&'static Registration> {
    inventory::iter::<Registration>
        .into_iter()
        .find(|entry| entry.definition().name == name)
}
