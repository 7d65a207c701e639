#![doc = include_str!("guide.md")]

// The macros' expansions name `::flow_engine`, here as in a user's crate.
extern crate self as flow_engine;

#[doc(hidden)]
pub mod __private;
mod artifacts;
mod attachment;
mod call;
mod constraints;
mod definition;
mod difference;
mod effect;
mod engine;
mod environment;
mod error;
mod event;
#[cfg(feature = "feeds")]
pub mod feeds;
mod identity;
mod image;
mod inputs;
pub mod llm;
mod lock;
mod news;
mod output;
mod policy;
pub mod prelude;
mod prices;
mod prompt;
mod run;
mod schedule;
mod schema;
mod secret;
#[doc(hidden)]
pub mod shape;
mod state;
pub mod step;

pub use attachment::Attachment;
pub use call::{Call, Executed, Flow, Step};
pub use chrono::{DateTime, Utc};
pub use definition::Definition;
pub use difference::Change;
pub use engine::{
    Comparison, EffectId, Engine, EngineBuilder, Events, Explanation, ForkRequest, PlannedHit,
    PlannedMiss, Pruned, Resolution, ResumePlan, ResumedRun, RunHandle, RunSummary, ScheduledFlow,
    StepPair, StepSummary, UnaskedStep, Wait, Worker, WorkerSummary, check_contracts,
};
pub use error::{BoxError, Error, ErrorKind, Result};
pub use event::Event;
pub use flow_engine_db::{
    ExecutionMode, FlowRun, FlowStepRun, LlmRequest, RequestStatus, RunFilter, RunStatus, Signal,
    StepStatus,
};
#[doc = include_str!("macros/data.md")]
pub use flow_engine_macros::data;
#[doc = include_str!("macros/flow.md")]
pub use flow_engine_macros::flow;
#[doc = include_str!("macros/step.md")]
pub use flow_engine_macros::step;
pub use futures::future::BoxFuture;
pub use image::Image;
pub use inputs::InputType;
pub use llm::{Citation, LlmError, LlmErrorKind, Source};
pub use news::News;
pub use output::{Output, OutputType};
pub use policy::{OnRefusal, OnTruncate, Policy};
pub use prices::{Cost, Price, Prices};
pub use prompt::Prompt;
pub use run::{
    Current, Delta, Doubt, FlowResult, Metadata, MissReason, RunRequest, StepResult, StepStream,
    artifact, current, in_current_run, map, now, race, random, sleep, sleep_until, spawn, timeout,
    uuid, wait_for,
};
pub use schedule::{Missed, Schedule};
// Not `Value`: with its variant `String` in sight, rustc would write `std::string::String` into users' errors.
pub use serde_json::json;
pub use uuid::Uuid;

/// The code of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
