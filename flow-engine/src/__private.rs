//! Everything that the macros' expansions name. Not a part of the public interface: it changes without notice.

pub use futures::future::BoxFuture;
pub use inventory;
pub use schemars;
pub use serde;
pub use serde_json::{Map, Value};

pub use crate::call::{Call, Flow, Step, Work, debug};
pub use crate::constraints::{
    Check, Constrained, Fallback, Length, Outcome, Pattern, Probe, Range, Rules, Text, Violations,
    hold, limits,
};
pub use crate::definition::{Definition, Registration, WorkKind, registration};
pub use crate::effect::{KeyPart, key_part};
pub use crate::inputs::{Input, InputsSchema, input, known};
pub use crate::output::{OutputOf, output};
pub use crate::policy::{OnRefusal, OnTruncate, StepPolicy};
pub use crate::prompt::{Prompt, PromptSource};
pub use crate::run::{Done, FlowResult, StepResult, awaited, execute};
pub use crate::schedule::{Missed, Schedule};
pub use crate::shape;
pub use crate::state::{State, StateType, States, state};
pub use crate::step::task::{fallible, infallible};
