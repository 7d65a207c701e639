//! Durable, typed LLM workflows from plain async functions.
//!
//! A step asks a model, or runs code; a flow calls steps and other flows. Both are async fns with an attribute, and
//! every run, step and request is kept in a database.
//!
//! ```standalone_crate
//! use flow_engine::llm::MockBackend;
//! use flow_engine::prelude::*;
//! use serde_json::json;
//!
//! /// What the summariser returns.
//! #[data]
//! struct Summary {
//!     /// Generated title
//!     title: String,
//!     /// Key points extracted
//!     key_points: Vec<String>,
//! }
//!
//! /// Summarise a text. Its prompt is the file prompts/summarize.md.
//! #[step(prompt = "summarize.md")]
//! async fn summarize(content: String, #[input(default = "professional")] style: String) -> Summary;
//!
//! #[step]
//! async fn shout(text: String) -> String {
//!     text.to_uppercase()
//! }
//!
//! #[flow]
//! async fn headline(article: String) -> Result<String> {
//!     let summary = summarize(article).style("terse").await?;
//!     Ok(shout(summary.title).await?)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<()> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}/flows.db", folder.path().display());
//! // `Engine::from_env()` asks a real model; this one answers what it is told to.
//! let model = MockBackend::new().answer("summarize", json!({ "title": "Rain", "key_points": ["It rained."] }));
//! let engine = Engine::builder().backend(model).database_url(url).build().await?;
//!
//! let done = engine.execute(headline("It rained all day.")).await?;
//! assert_eq!(done.output_content, "RAIN");
//! assert_eq!(engine.steps_of(done.run_id).await?.len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Steps
//!
//! `#[step]` makes a step of an async fn. Without a body it asks a model, with one it is a task:
//!
//! | written | kind | what it does |
//! |---|---|---|
//! | `async fn f(…) -> String;` | `unstructured` | the model's text |
//! | `async fn f(…) -> YourType;` | `structured` | the model's JSON, held to the type's schema and parsed into it |
//! | `async fn f(…) -> Result<T> { … }` | `task` | your code |
//! | `#[step(kind = path::Kind)]` | yours | what your [`StepKind`](step::StepKind) says |
//!
//! Arguments of the attribute:
//!
//! | argument | meaning | without it |
//! |---|---|---|
//! | `kind = "…"` | the kind, as above | decided by body and type |
//! | `prompt = "…"` | the prompt file | the fn's name with `.md` |
//! | `model = "…"` | the model to ask | the prompt's `model`, else the engine's |
//! | `version = n` | the version of the step's meaning | 1 |
//! | `type = Name` | the generated type's name | the fn's name in camel case |
//!
//! # Flows
//!
//! `#[flow]` makes a flow of an async fn with a body. It is plain Rust: loops, `?`, and for parallel steps
//! `tokio::try_join!(a(x), b(y))`, or the futures crate's `try_join_all(xs.into_iter().map(|x| a(x).into_future()))`.
//! Arguments: `total_steps = n`, from which progress in percent is counted; `version` and `type` as above.
//!
//! A task or a flow may return any error that converts into [`BoxError`], or none; `?` works on everything, `anyhow`
//! included.
//!
//! # Calls
//!
//! A step or a flow called like a function gives a value of its generated type (`Summarize`), which holds the inputs and
//! does nothing yet. Optional inputs are setters on it. Give fns verbs for names: `async fn summary(…) -> Summary` would
//! generate a second `Summary`.
//!
//! | written | gives |
//! |---|---|
//! | `summarize(text).await?` | the output; inside a run only |
//! | `summarize(text).execute().await?` | [`StepResult`] or [`FlowResult`]: output, tokens, cost, time |
//! | `engine.execute(call).await?` | the same, as a run of its own; a step alone is a run of one step |
//! | `engine.run(call).user(id).execute()` | the same, with what a caller wants to say: [`RunRequest`] |
//! | `summarize(text).style("terse")` | sets an optional input |
//! | `summarize(text).maybe_style(option)` | sets it if there is a value |
//! | `tokio::spawn(call.into_future())` | runs in a task of its own, inside the run |
//!
//! After [`engine.install()`](Engine::install), `call.execute()` starts a run anywhere. What a flow spawns must be awaited
//! before it returns: nothing starts in a run that has ended.
//!
//! # Inputs
//!
//! A parameter is an input: owned, and fit for JSON. `#[data]` makes a type of yours fit, with no dependency but this
//! crate; write it above other attributes. An `Option` is an optional input:
//! `async fn draft(topic: String, note: Option<String>)` is called as `draft("rain").note("short")`.
//!
//! | attribute | meaning |
//! |---|---|
//! | `#[input(default = expression)]`, `#[input(default)]` | optional, with this default or the type's own |
//! | `#[input(unused)]` | the prompt may leave it out without a warning |
//! | `#[state]` | not an input, not recorded: filled from [`EngineBuilder::state`], by type |
//!
//! An engine must be given every `#[state]` type of the program's steps, by [`Engine::builder`], or it does not start.
//!
//! Outputs of structured steps are held to a strict schema, which has no maps, tuples or untyped JSON: an engine does not
//! start with one, and says where it is.
//!
//! Doc comments on fns, parameters and fields become descriptions in the schemas
//! ([`Call::input_schema`], [`Call::output_schema`]).
//!
//! # Prompts
//!
//! A prompt is a Markdown file in the nearest `prompts/` folder above the source file (`./x.md`: beside it):
//!
//! ```md
//! ---
//! model: gpt-5-mini
//! temperature: 0.2
//! ---
//! # system:
//! You summarise for {{ style }} readers.
//!
//! # user:
//! {{ content }}
//! ```
//!
//! Parameters between the dashes: `model`, `temperature`, `top_p`, `max_output_tokens`, `seed`, `stop`,
//! `reasoning_effort`. Roles: `system`, `user`, `assistant`; a file without role lines is one user message.
//!
//! Templates are Jinja2 with `trim_blocks` and `lstrip_blocks`, so that a line with nothing but `{% for … %}` leaves no
//! blank line. An undefined or none value that is printed is an error; lists and objects print as JSON. There is no
//! `include` and no `extends`.
//!
//! The compiler checks the file against the inputs: syntax, variables, filters, roles and parameters; a mistake is an error
//! at `summarize.md:8:4`, and editing the file rebuilds what uses it. The fields of an input (`{{ item.name }}`) are checked
//! when the prompt is rendered.
//!
//! # What is kept
//!
//! [`FlowRun`], [`FlowStepRun`] and [`LlmRequest`], in the tables `flow_runs`, `flow_step_runs` and `llm_requests`.
//! [`Engine::runs`], [`Engine::steps_of`] and [`Engine::requests_of`] read them back. A step that has returned is on disk.
//! When a process is killed, its runs stay `running` in the database: nothing takes them over yet.
//!
//! # Errors
//!
//! [`Error`] names flow and step, and is of an [`ErrorKind`]; [`Error::llm`] tells what became of a model's request. Print it
//! by `{:#}` on one line, by `{:?}` with a cause on each.
//!
//! # Other crates' items
//!
//! [`Uuid`], [`DateTime`], [`Utc`] and [`json!`] are here, since ids, times and metadata need them. A
//! [`StepKind`](step::StepKind) of your own also needs `serde_json::Value`: add `serde_json` for it.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `sqlite` | yes | the embedded database |
//! | `openai` | yes | OpenAI and every server that speaks its chat completions |

// The macros' expansions name `::flow_engine`, here as in a user's crate.
extern crate self as flow_engine;

#[doc(hidden)]
pub mod __private;
mod call;
mod definition;
mod difference;
mod engine;
mod environment;
mod error;
mod identity;
mod inputs;
pub mod llm;
mod lock;
mod output;
pub mod prelude;
mod prompt;
mod run;
mod schema;
mod state;
pub mod step;

pub use call::{Call, Executed, Flow, Step};
pub use chrono::{DateTime, Utc};
pub use definition::Definition;
pub use difference::Change;
pub use engine::{
    Comparison, Engine, EngineBuilder, Explanation, ForkRequest, PlannedHit, PlannedMiss, ResumePlan,
    ResumedRun, RunSummary, StepPair, StepSummary, UnaskedStep,
};
pub use error::{BoxError, Error, ErrorKind, Result};
pub use flow_engine_db::{
    ExecutionMode, FlowRun, FlowStepRun, LlmRequest, RequestStatus, RunFilter, RunStatus,
    StepStatus,
};
/// Makes a type fit for inputs and outputs: `Clone`, `Debug`, `Serialize`, `Deserialize` and `JsonSchema`, through this
/// crate. What the type derives itself is left to it; serde's and schemars' attributes apply.
pub use flow_engine_macros::data;
/// Makes a flow of an async fn: see [Flows](crate#flows).
pub use flow_engine_macros::flow;
/// Makes a step of an async fn: see [Steps](crate#steps).
pub use flow_engine_macros::step;
pub use futures::future::BoxFuture;
pub use inputs::InputType;
pub use llm::{LlmError, LlmErrorKind};
pub use output::{Output, OutputType};
pub use prompt::Prompt;
pub use run::{
    Current, FlowResult, Metadata, MissReason, RunRequest, StepResult, current, in_current_run, map,
    now, race, random, spawn, timeout, uuid,
};
// Not `Value`: with its variant `String` in sight, rustc would write `std::string::String` into users' errors.
pub use serde_json::json;
pub use uuid::Uuid;

/// The code of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
