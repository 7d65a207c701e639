//! The engine: what a program builds once, and starts runs with.

mod builder;
mod comparison;
mod contract;
mod control;
mod events;
mod execution;
mod fork;
mod handle;
mod history;
mod idempotency;
mod interrupted;
mod plan;
mod read_only;
mod recovery;
mod resolve;
mod retention;
mod schedules;
mod signals;
mod takeover;
mod watcher;
mod why;
mod worker;

use std::sync::Arc;

use futures::future::BoxFuture;

pub use builder::EngineBuilder;
pub use comparison::{Comparison, RunSummary, StepPair, StepSummary};
pub use contract::check_contracts;
pub use events::Events;
pub use fork::ForkRequest;
pub use handle::RunHandle;
pub use interrupted::ResumedRun;
pub use plan::{PlannedHit, PlannedMiss, ResumePlan, UnaskedStep};
pub use resolve::{EffectId, Resolution};
pub use retention::Pruned;
pub use schedules::ScheduledFlow;
pub use signals::Wait;
pub use why::Explanation;
pub use worker::{Worker, WorkerSummary};

use crate::call::Call;
use crate::definition::{Definition, registered};
use crate::error::{Error, ErrorKind};
use crate::image::Image;
use crate::run::{RunRequest, Services, install};

/// Runs flows and steps, and keeps what they did.
///
/// A clone is the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    services: Arc<Services>,
}

impl Engine {
    /// An engine as the environment describes it.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `FLOW_ENGINE_DATABASE_URL`, else `DATABASE_URL` | the database; `sqlite://flow-engine.db` if neither is set |
    /// | `OPENAI_API_KEY` | the key of OpenAI, or of the server below |
    /// | `OPENAI_BASE_URL` | an OpenAI-compatible server; needs no key if the server asks for none |
    /// | `OPENAI_STRUCTURED_OUTPUT` | how the server is asked for JSON: `json_schema`, `json_object` or `prompt` |
    /// | `FLOW_ENGINE_MODEL` | the model of steps that name none |
    /// | `FLOW_ENGINE_ARTIFACTS_URL` | where the bytes of images are kept: [`EngineBuilder::artifacts_url`] |
    /// | `FLOW_ENGINE_PRICES` | a file of [`Prices`](crate::Prices) that go before the built-in ones |
    ///
    /// A variable that is set to nothing counts as not set.
    ///
    /// # Errors
    /// When no model is configured, the database cannot be opened, or a step or flow of the program is not sound:
    /// see [`EngineBuilder::build`].
    pub async fn from_env() -> Result<Self, Error> {
        Self::builder().build().await
    }

    /// An engine put together by hand; what is not said comes from the environment, as in
    /// [`from_env`](Self::from_env).
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// A run of a flow or of a single step, to be described further and then executed.
    pub fn run<C: Call>(&self, call: C) -> RunRequest<C> {
        RunRequest::new(Arc::clone(&self.services), call, idempotency::again)
    }

    /// Runs a flow, or a single step, to its end: short for `engine.run(call).execute()`.
    ///
    /// # Errors
    /// What a step or the flow failed with, or why the run could not be recorded.
    pub fn execute<C: Call>(&self, call: C) -> BoxFuture<'static, Result<C::Executed, Error>> {
        self.run(call).execute()
    }

    /// Makes this the engine on which `call.execute()` starts a run outside of one, as long as the engine is there: keep
    /// it until the end of the program. One at a time.
    ///
    /// # Errors
    /// When another engine is installed already.
    pub fn install(&self) -> Result<(), Error> {
        if install(&self.services) {
            return Ok(());
        }
        let message = "an engine is already installed; install one, at the start of the program";
        Err(Error::new(ErrorKind::Configuration, message))
    }

    /// The flows linked into the program, by name.
    pub fn flows() -> Vec<&'static Definition> {
        registered()
            .into_iter()
            .filter(|definition| definition.is_flow())
            .collect()
    }

    /// The steps linked into the program, by name.
    pub fn steps() -> Vec<&'static Definition> {
        registered()
            .into_iter()
            .filter(|definition| !definition.is_flow())
            .collect()
    }

    /// Where the runs are kept: the path of an SQLite file, or the URL of a server without the password.
    pub fn database(&self) -> &str {
        self.services.store.location()
    }

    /// The bytes of an image that a step has made, also of one in another run of this engine.
    ///
    /// # Errors
    /// When the image is not in this engine's artifact store: it was deleted, was made by an engine that keeps its
    /// artifacts elsewhere, or is at a URL of the provider.
    pub async fn artifact(&self, image: &Image) -> Result<Vec<u8>, Error> {
        Ok(self.services.artifacts.read(&image.url).await?.into())
    }

    /// Waits until everything is on disk and closes the database. Steps that still run then fail.
    ///
    /// [Events](Self::events) end then, and who [waits](RunHandle::wait) for a run gets an error. The runs of a [`Worker`] whose future was dropped before are interrupted by then, so that the next worker goes on with
    /// them at once.
    pub async fn close(&self) {
        self.services.background.is_left().await;
        self.services.store.close().await;
        self.services.events.end();
        self.services.watched.ring_all();
    }
}
