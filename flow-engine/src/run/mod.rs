//! A run while it lives: where steps find it, how it and they are recorded, and how they end.

mod attempt;
mod context;
mod flow;
mod progress;
mod request;
mod result;
mod step;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flow_engine_db::Store;
use serde_json::Value;
use uuid::Uuid;

pub(crate) use context::install;
pub use context::{Current, Place, awaited, current, execute};
pub use flow::{flow_as_run, flow_in_run};
pub(crate) use request::RunOptions;
pub use request::RunRequest;
pub use result::{FlowResult, Metadata, StepResult};
pub use step::{step_as_run, step_in_run};

use crate::definition::Definition;
use crate::llm::LlmBackend;
use crate::state::States;
use progress::Tally;

/// What every run of an engine works with.
pub(crate) struct Services {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) backend: Arc<dyn LlmBackend>,
    pub(crate) model: Option<String>,
    pub(crate) states: States,
}

/// Without the store's and the backend's insides: engines, requests and runs are shown in logs.
impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("database", &self.store.location())
            .field("provider", &self.backend.provider())
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// One execution of a flow, or of a step used alone.
#[derive(Debug)]
#[doc(hidden)]
pub struct Run {
    services: Arc<Services>,
    definition: &'static Definition,
    id: Uuid,
    root_id: Uuid,
    user_id: Option<Uuid>,
    metadata: Option<Value>,
    parent: Option<Arc<Run>>,
    tally: Tally,
    /// Set while the run's future is being dropped, before anything inside it is: what ends because of that was
    /// interrupted, what a flow drops on its own was cancelled.
    dropping: AtomicBool,
}

impl Run {
    pub(crate) fn root(
        services: Arc<Services>,
        definition: &'static Definition,
        options: RunOptions,
    ) -> Self {
        Self {
            services,
            definition,
            id: options.id,
            root_id: options.id,
            user_id: options.user_id,
            metadata: options.metadata,
            parent: None,
            tally: Tally::root(definition.total_steps()),
            dropping: AtomicBool::new(false),
        }
    }

    fn child(parent: Arc<Self>, definition: &'static Definition) -> Self {
        Self {
            services: Arc::clone(&parent.services),
            definition,
            id: Uuid::now_v7(),
            root_id: parent.root_id,
            user_id: parent.user_id,
            metadata: None,
            tally: parent.tally.child(definition.total_steps()),
            parent: Some(parent),
            dropping: AtomicBool::new(false),
        }
    }

    pub(crate) fn states(&self) -> &States {
        &self.services.states
    }

    /// This run and those it is a part of, innermost first.
    fn and_ancestors(&self) -> impl Iterator<Item = &Run> {
        std::iter::successors(Some(self), |run| run.parent.as_deref())
    }

    /// Whether all of the root run ends, rather than a part that its flow drops.
    fn is_root_dropping(&self) -> bool {
        self.and_ancestors()
            .last()
            .is_some_and(|root| root.dropping.load(Ordering::Acquire))
    }
}
