//! Durable, typed LLM workflows from plain async functions.

// The macros' expansions name `::flow_engine`, here as in a user's crate.
extern crate self as flow_engine;

#[doc(hidden)]
pub mod __private;
mod call;
mod definition;
mod engine;
mod environment;
mod error;
mod inputs;
pub mod llm;
mod output;
pub mod prelude;
mod prompt;
mod run;
mod schema;
mod state;
pub mod step;

pub use call::{Call, Executed, Flow, Step};
pub use definition::Definition;
pub use engine::{Engine, EngineBuilder};
pub use error::{BoxError, Error, ErrorKind, Result};
pub use flow_engine_db::{
    ExecutionMode, FlowRun, FlowStepRun, LlmRequest, RequestStatus, RunFilter, RunStatus, StepStatus,
};
pub use flow_engine_macros::{data, flow, step};
pub use futures::future::BoxFuture;
pub use inputs::InputType;
pub use llm::{LlmError, LlmErrorKind};
pub use output::{Output, OutputType};
pub use prompt::Prompt;
pub use run::{Current, FlowResult, Metadata, RunRequest, StepResult, current};
