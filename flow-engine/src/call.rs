//! What `#[step]` and `#[flow]` generate: one type for each, which holds the inputs of a call.

use std::fmt;
use std::marker::PhantomData;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

use crate::constraints::Check;
use crate::definition::Definition;
use crate::error::{BoxError, Error};
use crate::output::{Erased, OutputOf};
use crate::run::{Done, FlowResult, StepResult, StepStream, streamed};
use crate::secret::Secrets;
use crate::state::States;

/// A call of a step or a flow: its inputs, ready to run.
///
/// `#[step]` and `#[flow]` implement it; there is no need to do so by hand.
pub trait Call: Clone + fmt::Debug + Send + Sync + Sized + 'static {
    /// What the fn returns, without its `Result`.
    type Output: Send + 'static;

    /// [`StepResult`] or [`FlowResult`].
    type Executed: Executed<Output = Self::Output> + Send + 'static;

    #[doc(hidden)]
    const OUTPUT: OutputOf<Self::Output>;

    /// What the constraints of the output's type find.
    #[doc(hidden)]
    const OUTPUT_CHECK: Check<Self::Output>;

    /// Name, kind, documentation and schemas.
    fn definition() -> &'static Definition;

    /// The inputs as the JSON object that is recorded.
    ///
    /// # Errors
    /// When an input cannot be written as JSON.
    fn to_inputs(&self) -> Result<Map<String, Value>, Error>;

    /// A call from a JSON object of inputs; what is left out takes its default.
    ///
    /// # Errors
    /// When an input is missing, unknown or of the wrong type.
    fn from_inputs(inputs: Map<String, Value>) -> Result<Self, Error>;

    /// Whether the inputs keep their constraints: asked before anything is sent or recorded.
    #[doc(hidden)]
    fn check_inputs(&self) -> Result<(), Error>;

    /// What the effect of a `once` step is known by in its run.
    #[doc(hidden)]
    fn effect_key(&self) -> Option<String> {
        None
    }

    /// The JSON schema of the inputs: names, types, descriptions from the doc comments, defaults.
    fn input_schema() -> Value {
        Self::definition().input_schema()
    }

    /// The JSON schema of the output.
    fn output_schema() -> Value {
        Self::definition().output_schema()
    }

    /// Runs a step as `execute()` does, and gives its answer as it comes.
    #[track_caller]
    fn stream(self) -> StepStream<Self::Output>
    where
        Self: Step,
    {
        streamed(self)
    }

    /// What there is to do.
    #[doc(hidden)]
    fn work(self, states: &States) -> Result<Work<Self::Output>, Error>;
}

/// A call of a step.
pub trait Step: Call<Executed = StepResult<<Self as Call>::Output>> {}

/// A call of a flow.
pub trait Flow: Call<Executed = FlowResult<<Self as Call>::Output>> {}

/// What a call does: it runs the user's code, or asks a model as the definition says.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "a future has nothing to show")]
pub struct Work<T> {
    code: Option<Code>,
    output: PhantomData<fn() -> T>,
}

/// The user's code.
pub(crate) type Code = BoxFuture<'static, Result<Erased, BoxError>>;

impl<T> Work<T> {
    pub(crate) fn code(code: Code) -> Self {
        Self {
            code: Some(code),
            output: PhantomData,
        }
    }

    fn into_code(self) -> Option<Code> {
        self.code
    }

    /// Called by the macros.
    pub fn model() -> Self {
        Self {
            code: None,
            output: PhantomData,
        }
    }
}

/// A call without its types: what happens to it in a run is compiled once, and not in the user's crate for each call.
pub(crate) trait AnyCall: Send + Sync {
    fn definition(&self) -> &'static Definition;

    fn to_inputs(&self) -> Result<Map<String, Value>, Error>;

    fn check_inputs(&self) -> Result<(), Error>;

    fn effect_key(&self) -> Option<String>;

    fn cloned(&self) -> Box<dyn AnyCall>;

    /// The user's code, or nothing if a model is asked.
    fn code(self: Box<Self>, states: &States) -> Result<Option<Code>, Error>;
}

impl<C: Call> AnyCall for C {
    fn definition(&self) -> &'static Definition {
        C::definition()
    }

    fn to_inputs(&self) -> Result<Map<String, Value>, Error> {
        Call::to_inputs(self)
    }

    fn check_inputs(&self) -> Result<(), Error> {
        Call::check_inputs(self)
    }

    fn effect_key(&self) -> Option<String> {
        Call::effect_key(self)
    }

    fn cloned(&self) -> Box<dyn AnyCall> {
        Box::new(self.clone())
    }

    fn code(self: Box<Self>, states: &States) -> Result<Option<Code>, Error> {
        self.work(states).map(Work::into_code)
    }
}

/// What `.execute()` returns: the output with what it took to get it.
pub trait Executed: Sized {
    /// The output's type.
    type Output;

    /// The output alone.
    fn into_output(self) -> Self::Output;

    #[doc(hidden)]
    fn of(done: Done) -> Self;
}

/// The inputs of a call that keeps its constraints.
pub(crate) fn checked_inputs(call: &dyn AnyCall) -> Result<Map<String, Value>, Error> {
    match call.check_inputs() {
        Ok(()) => call.to_inputs(),
        // A constraint of the user's may quote the value.
        Err(error) => {
            let inputs = call.to_inputs().unwrap_or_default();
            Err(error.hiding(&Secrets::of(call.definition().secrets, &inputs)))
        }
    }
}

/// What a call shows of itself: its name and its inputs.
#[doc(hidden)]
pub fn debug<C: Call>(call: &C, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    show(call, f)
}

fn show(call: &dyn AnyCall, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (inputs, definition) = (call.to_inputs().map_err(|_| fmt::Error)?, call.definition());
    let shown = definition.redacted(&inputs).into_owned();
    write!(f, "{}({})", definition.name(), Value::from(shown))
}
