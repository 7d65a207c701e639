//! What `#[step]` and `#[flow]` generate: one type for each, which holds the inputs of a call.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

use crate::constraints::Check;
use crate::definition::Definition;
use crate::error::{BoxError, Error};
use crate::output::OutputOf;
use crate::run::{FlowResult, Place, Run, StepResult};
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

    /// The JSON schema of the inputs: names, types, descriptions from the doc comments, defaults.
    fn input_schema() -> Value {
        Self::definition().input_schema()
    }

    /// The JSON schema of the output.
    fn output_schema() -> Value {
        Self::definition().output_schema()
    }

    /// Runs as a part of a run, from where it was awaited.
    #[doc(hidden)]
    fn in_run(self, place: Place) -> BoxFuture<'static, Result<Self::Executed, Error>>;

    /// Runs as all of a new root run.
    #[doc(hidden)]
    fn start(self, run: Arc<Run>) -> BoxFuture<'static, Result<Self::Executed, Error>>;
}

/// A call of a step.
pub trait Step: Call<Executed = StepResult<<Self as Call>::Output>> {
    #[doc(hidden)]
    fn work(self, states: &States) -> Result<Work<Self::Output>, Error>;
}

/// A call of a flow.
pub trait Flow: Call<Executed = FlowResult<<Self as Call>::Output>> {
    #[doc(hidden)]
    fn body(self, states: &States) -> Result<Body<Self::Output>, Error>;
}

/// What a step does.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "a future has nothing to show")]
pub enum Work<T> {
    /// Asks a model, as the definition says.
    Model,
    /// Runs the user's code.
    Body(Body<T>),
}

/// The user's code.
#[doc(hidden)]
pub type Body<T> = BoxFuture<'static, Result<T, BoxError>>;

/// What `.execute()` returns: the output with what it took to get it.
pub trait Executed {
    /// The output's type.
    type Output;

    /// The output alone.
    fn into_output(self) -> Self::Output;

    /// As the result of a run: a step used alone is one.
    fn into_run(self) -> FlowResult<Self::Output>;
}

/// The inputs of a call that keeps its constraints.
pub(crate) fn checked_inputs<C: Call>(call: &C) -> Result<Map<String, Value>, Error> {
    match call.check_inputs() {
        Ok(()) => call.to_inputs(),
        // A constraint of the user's may quote the value.
        Err(error) => {
            let inputs = call.to_inputs().unwrap_or_default();
            Err(error.hiding(&Secrets::of(C::definition().secrets, &inputs)))
        }
    }
}

/// What a call shows of itself: its name and its inputs.
#[doc(hidden)]
pub fn debug<C: Call>(call: &C, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let inputs = call.to_inputs().map_err(|_| fmt::Error)?;
    let shown = C::definition().redacted(&inputs).into_owned();
    write!(f, "{}({})", C::definition().name(), Value::from(shown))
}
