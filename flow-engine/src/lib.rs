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
//! | `temperature = 0.2` and the other [parameters](#prompts) | a model parameter, in place of the prompt's | the prompt's, else the provider's |
//! | `strict = false` | a structured step's model is shown the schema and not held to it, so it may have maps and untyped JSON | held to it |
//! | `retries = n` | how often what failed is tried again, after a wait: a request that may succeed later (`transient`, `rate_limited`, `timeout`), a task that returned an error | not at all |
//! | `timeout = "30s"` | what the step may take, with all its attempts; then it fails with [`ErrorKind::TimedOut`] | no limit; a request has its backend's |
//! | `name = "…"` | the recorded name | the fn's name |
//! | `version = n` | the version of the step's meaning | 1 |
//! | `cache = "7d"` | for how long other runs of the same user take its result; equal calls of one process wait for each other, a minute each at most | not at all |
//! | `type = "Name"` | the generated type's name | the fn's name in camel case |
//! | `crate = "…"` | the path of flow-engine, where it goes by another name; `extern crate my_name as flow_engine;` says so once for a whole crate | `::flow_engine` |
//!
//! # Flows
//!
//! `#[flow]` makes a flow of an async fn with a body. It is plain Rust: loops, `?`, and for parallel steps
//! [`map(xs, 8, a)`](map), `tokio::try_join!(a(x), b(y))`, or what the futures crate has.
//! Arguments: `total_steps = n`, from which progress in percent is counted; `name`, `type` and `crate` as above; `version = n`, which
//! is recorded only: a resumed flow runs as it is now.
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
//! | `tokio::spawn(call.into_future())`, [`spawn(async { … })`](spawn) | runs in a task of its own, inside the run |
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
//! | `#[input(param)]` | sent as the model parameter of its name, in place of the attribute's and the prompt's; an `Option` that is `None` is not |
//! | `#[input(length(min = 1, max = 80))]` and the other [constraints](#constraints) | a call whose value does not hold is refused |
//! | `#[state]` | not an input, not recorded: filled from [`EngineBuilder::state`], by type |
//!
//! An engine must be given every `#[state]` type of the program's steps, by [`Engine::builder`], or it does not start.
//!
//! An input of type [`Vec<Message>`](llm::Message) is a history, and one of type [`Attachment`] an image or a file: see
//! [Prompts](#prompts).
//!
//! Outputs of structured steps are held to a strict schema, which has no maps, tuples or untyped JSON: an engine does not
//! start with one, and says where it is.
//!
//! ## Constraints
//!
//! The same on an input, in `#[input(…)]`, and on a field of a `#[data]` type, in `#[check(…)]`:
//!
//! | constraint | of | what must hold |
//! |---|---|---|
//! | `length(min = 1, max = 80)` | texts; lists, sets, maps | the number of characters; of items. One limit is enough |
//! | `range(min = 0.0, max = 1.0)` | numbers | the value lies between, or is one of both |
//! | `pattern = "^[a-z]+$"` | texts | the regular expression is found in it; it is checked when the program is compiled |
//! | `custom = path::to::fn` | all types | `fn(&T) -> Result<(), E>` gives `Ok`; `E` says by `Display` why not |
//!
//! ```standalone_crate
//! # use flow_engine::llm::MockBackend;
//! # use flow_engine::prelude::*;
//! # use serde_json::json;
//! #[data]
//! struct Review {
//!     #[check(range(min = 1, max = 5))]
//!     stars: u8,
//!     #[check(length(max = 3))]
//!     reasons: Vec<Reason>,
//! }
//!
//! #[data]
//! struct Reason {
//!     #[check(length(max = 80), custom = not_blank)]
//!     text: String,
//! }
//!
//! fn not_blank(text: &str) -> Result<(), &'static str> {
//!     if text.trim().is_empty() { Err("blank") } else { Ok(()) }
//! }
//!
//! #[step(prompt = "summarize.md")]
//! async fn judge(
//!     content: String,
//!     #[input(default = "terse", pattern = "^[a-z]+$")] style: String,
//! ) -> Review;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<()> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}/flows.db", folder.path().display());
//! let model = MockBackend::new().answer("judge", json!({ "stars": 6, "reasons": [{ "text": " " }] }));
//! let engine = Engine::builder().backend(model).database_url(url).build().await?;
//!
//! let refused = engine.execute(judge("It rained.").style("very terse")).await.unwrap_err();
//! assert!(format!("{refused:#}").ends_with("the input `style` does not hold: does not match pattern /^[a-z]+$/"));
//!
//! let failed = engine.execute(judge("It rained.")).await.unwrap_err();
//! assert!(format!("{failed:#}").ends_with("at `stars`: greater than 5; at `reasons[0].text`: blank"));
//! # Ok(())
//! # }
//! ```
//!
//! In an `Option`, a constraint is one of the value, when there is one. What is inside of inputs and answers is held to the
//! constraints of its own type: fields of `#[data]` types, and values in `Option`, `Box`, lists, maps and tuples. Not so the
//! values of a type parameter (`T` in `struct Page<T>`), what is inside types of other crates, and tuples with one of those.
//!
//! Inputs are asked when the call runs, defaults too, before anything is sent or recorded; what does not hold is an error of
//! kind [`InvalidInput`](ErrorKind::InvalidInput) that names all of it by path, and shows no value. A model's
//! answer that does not hold is one that does not fit; in a kind of your own, [`Output::check`] asks. What tasks and flows
//! return is not asked. Schemas show all but `custom`, so that a model knows.
//!
//! ## Descriptions
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
//! `reasoning_effort`. Roles: `system`, `user`, `assistant`; a file without role lines is one user message. Pairs of `# user:`
//! and `# assistant:` are examples: those of a structured step are JSON of its output, to which [`check_contracts`] and the
//! start of an engine hold them.
//!
//! Templates are Jinja2 with `trim_blocks` and `lstrip_blocks`, so that a line with nothing but `{% for … %}` leaves no
//! blank line. An undefined or none value that is printed is an error; lists and objects print as JSON.
//!
//! | written | meaning |
//! |---|---|
//! | `{{ note }}` | the input, as text. Of an `Option`: inside of `{% if note %}`, or with a default: `{{ note or "none" }}` |
//! | `{{ article.author.name }}` | a field, by its name in JSON: serde's `rename`, `rename_all` and `flatten` count |
//! | `{% for item in items %}…{% endfor %}` | the items of a list |
//! | `{% include "parts/tone.md" %}` | another file, as a part of the message; found as prompts are, `./x.md` beside the file that says so |
//! | `{% extends "parts/base.md" %}{% block rules %}…{% endblock %}` | another file with blocks of its own in the message's place; `{{ super() }}` is the block as it was |
//! | `{{ history }}` alone on a line, of type [`Vec<Message>`](llm::Message) | these messages, between those above and below |
//! | `{{ photo }}`, of type [`Attachment`] | the image or file, at this place of the message |
//!
//! The compiler checks the file against the inputs and their types: syntax, variables, fields, filters, roles and parameters; a
//! mistake is an error at `summarize.md:8:4`, and editing the file rebuilds what uses it. Types by `#[data]`, and std's, are
//! known field by field. Of what the compiler cannot know, nothing is asked: types of other crates, `serde_json::Value`, generic
//! types, enums with data, and fields whose JSON is made by `serialize_with` and the like. There, and for indexes
//! (`{{ items[0] }}`), a mistake is an error when the prompt is rendered.
//!
//! With `FLOW_ENGINE_PROMPTS=live`, a debug build reads prompt files again whenever they are used, and reports mistakes with
//! their position at run time.
//!
//! # What is kept
//!
//! [`FlowRun`], [`FlowStepRun`] and [`LlmRequest`], in the tables `flow_runs`, `flow_step_runs` and `llm_requests`.
//! [`Engine::runs`], [`Engine::steps_of`] and [`Engine::requests_of`] read them back. A step that has returned is on disk.
//!
//! # Resuming
//!
//! A run that was interrupted, killed with its process, or failed, goes on by [`Engine::resume`], or typed by
//! [`Engine::resume_with`]; [`Engine::resume_interrupted`] does so for all that [`Engine::interrupted`] lists, at the start of
//! a program. The flow is executed from its beginning, and every step that is recorded gives at once what it gave:
//!
//! ```standalone_crate
//! # use flow_engine::llm::MockBackend;
//! # use flow_engine::prelude::*;
//! # use std::sync::atomic::{AtomicBool, Ordering};
//! # static OUT_OF_PAPER: AtomicBool = AtomicBool::new(true);
//! # #[step(prompt = "summarize.md")]
//! # async fn summarize(content: String, #[input(default = "terse")] style: String) -> String;
//! # #[step]
//! # async fn print(pages: Vec<String>) -> Result<usize> {
//! #     if OUT_OF_PAPER.load(Ordering::Relaxed) {
//! #         return Err("out of paper".into());
//! #     }
//! #     Ok(pages.len())
//! # }
//! #[flow]
//! async fn digest(articles: Vec<String>) -> Result<usize> {
//!     // 8 at a time; all of them come to their end, also if one fails.
//!     let summaries = flow_engine::map(articles, 8, summarize).await?;
//!     Ok(print(summaries).await?)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<()> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}/flows.db", folder.path().display());
//! # let model = MockBackend::new().answer("summarize", "It rained.");
//! # let engine = Engine::builder().backend(model.clone()).database_url(url).build().await?;
//! # let articles = vec!["Monday".to_owned(), "Tuesday".to_owned()];
//! let failed = engine.execute(digest(articles)).await.unwrap_err();
//! let run_id = failed.run_id().ok_or("it failed before it was a run")?;
//! # OUT_OF_PAPER.store(false, Ordering::Relaxed);
//!
//! // The printer has paper again. Nothing is asked of the model.
//! println!("{}", engine.resume_plan(run_id).await?);
//! let done = engine.resume(run_id).await?;
//! assert_eq!(done.output_content, 2);
//! # assert_eq!(model.requests().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! *A recorded step is never executed again in that run unless you ask; a step may execute more than once before it is
//! recorded.* A call is known by what it reads, and not by its place in the code: its name and `version`, and for a model step
//! the model, the rendered messages, the parameters and the output's schema, for a task its inputs. So steps may run in
//! parallel and finish in any order, and code and prompts may change before a run is resumed. What reads something else runs
//! again, and [`Engine::resume_plan`] and [`Engine::why`] say what that is:
//!
//! | edit | what happens |
//! |---|---|
//! | a step is inserted, removed, or moved | the others keep what is recorded |
//! | a fn is renamed | it runs again, unless `name = "…"` keeps its recorded name |
//! | a prompt, a parameter, the model, an input | that step runs again; what builds on it, if its output differs |
//! | the output type of a model step | the recorded answer is read again; it is asked again if it does not fit |
//! | the body of a task | the recorded output is kept, noted as `code changed`; raise `version` to run it again |
//!
//! A flow must do the same on what is recorded as it did live. What changes by itself belongs into tasks, or is asked of the
//! engine, which records it: [`now()`], [`uuid()`], [`random()`]; and which of two is first or in time: [`race`] and [`timeout`].
//! Maps are recorded with sorted keys; a `HashSet` has no order, and is another input in each process: take a `BTreeSet`.
//! Where equal calls of one run give different answers, each gets its own back: best where they are made one after the other,
//! in branches of [`map`], or in sub-flows.
//! After an interruption, a step's recorded error is met again, since the flow may have handled it; a run that *failed* keeps
//! its successes and runs its failures again.
//!
//! A timeout or a task that failed with the run is tried again, too. What a task does to the world outside is done again if the
//! process was killed before its end was recorded.
//!
//! [`Engine::fork`] makes a new run of an old one, which shares what does not differ: another model from some step on, or the
//! prompt that you have just edited. [`Engine::compare`] shows both.
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
mod attachment;
mod call;
mod constraints;
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
    Comparison, Engine, EngineBuilder, Explanation, ForkRequest, PlannedHit, PlannedMiss,
    ResumePlan, ResumedRun, RunSummary, StepPair, StepSummary, UnaskedStep, check_contracts,
};
pub use error::{BoxError, Error, ErrorKind, Result};
pub use flow_engine_db::{
    ExecutionMode, FlowRun, FlowStepRun, LlmRequest, RequestStatus, RunFilter, RunStatus,
    StepStatus,
};
/// Makes a type fit for inputs and outputs: `Clone`, `Debug`, `Serialize`, `Deserialize` and `JsonSchema`, through this
/// crate. What the type derives itself is left to it; serde's and schemars' attributes apply. `#[check(…)]` on a field holds
/// inputs and models' answers to [constraints](crate#constraints).
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
    Current, FlowResult, Metadata, MissReason, RunRequest, StepResult, current, in_current_run,
    map, now, race, random, spawn, timeout, uuid,
};
// Not `Value`: with its variant `String` in sight, rustc would write `std::string::String` into users' errors.
pub use serde_json::json;
pub use uuid::Uuid;

/// The code of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
