//! A run while it lives: where steps find it, how it and they are recorded, and how they end.

mod announce;
mod artifact;
mod ask;
mod attempt;
mod background;
mod budget;
mod cache;
mod calm;
mod choice;
mod context;
mod dispatch;
mod entry;
mod flow;
mod journal;
mod kept;
mod leases;
mod once;
mod parallel;
mod park;
mod pause;
mod plan;
mod prepared;
mod progress;
mod question;
mod recall;
mod record;
mod request;
mod result;
mod retry;
mod returns;
mod scope;
mod signals;
mod step;
mod stream;
mod timeout;
mod tree;
mod values;
mod wait;
mod waits;
mod watched;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use flow_engine_db::{Commit, FlowRun, Lease, RunStatus, Store, StoreError};
use serde_json::{Map, Value};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use uuid::Uuid;

pub use artifact::artifact;
pub(crate) use artifact::naming;
pub(crate) use background::Background;
pub(crate) use budget::{Budget, longest_answer};
pub use choice::race;
pub use context::{Current, awaited, current, execute};
pub(crate) use context::{install, streamed};
pub(crate) use dispatch::{as_run, as_untyped_run, check_inputs, in_run, typed};
pub(crate) use entry::ASIDE;
pub(crate) use flow::panicked;
pub use journal::MissReason;
pub(crate) use journal::{Origin, Row};
pub(crate) use kept::model_asked;
pub use once::Doubt;
pub(crate) use once::{doubts, in_doubt};
pub use parallel::{in_current_run, map, spawn};
pub(crate) use pause::PAUSED;
pub(crate) use plan::{Met, Missed, Plan};
pub use request::RunRequest;
pub(crate) use request::{RunOptions, check_same_inputs};
pub use result::{Done, FlowResult, Metadata, StepResult};
pub(crate) use scope::names;
pub(crate) use signals::Signals;
pub use stream::{Delta, StepStream};
pub use timeout::timeout;
pub(crate) use tree::{Claim, Shared, Tree, Variation, ended_steps};
pub use values::{now, random, uuid};
pub(crate) use wait::{SLEEP_UNTIL, WAIT_FOR};
pub use wait::{sleep, sleep_until, wait_for};
pub(crate) use watched::{Watched, Watching};

use crate::artifacts::Artifacts;
use crate::definition::Definition;
use crate::error::{Error, ErrorKind, chain};
use crate::event::Announcer;
use crate::llm::Models;
use crate::lock::lock;
use crate::policy::Policy;
use crate::prices::Prices;
use crate::secret::{Secrets, redacted};
use crate::state::States;
pub(crate) use cache::Flights;
pub(crate) use journal::Journal;
pub(crate) use leases::{Holding, Leases};
pub(crate) use progress::nano_usd;
use progress::{Beginning, Tally};
use scope::Scope;

/// What the row of a cancelled run says, and who waits for it is told.
pub(crate) const CANCELLED: &str = "the run was cancelled";

/// What every run of an engine works with.
pub(crate) struct Services {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) leases: Arc<Leases>,
    /// Told when this engine has queued a run.
    pub(crate) queued: Arc<Notify>,
    /// Who listens to what happens here.
    pub(crate) events: Announcer,
    /// The runs that somebody here waits for.
    pub(crate) watched: Arc<Watched>,
    pub(crate) signals: Arc<Signals>,
    pub(crate) background: Arc<Background>,
    pub(crate) models: Arc<Models>,
    pub(crate) policy: Policy,
    pub(crate) budget: Option<Arc<Budget>>,
    pub(crate) prices: Prices,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) states: Arc<States>,
    pub(crate) flights: Arc<Flights>,
}

/// Without the store's and the backend's insides: engines, requests and runs are shown in logs.
impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("database", &self.store.location())
            .field("provider", &self.models.backend.provider())
            .field("model", &self.models.default())
            .finish_non_exhaustive()
    }
}

/// One execution of a flow, or of a step used alone.
#[derive(Debug)]
pub(crate) struct Run {
    services: Arc<Services>,
    definition: &'static Definition,
    id: Uuid,
    root_id: Uuid,
    user_id: Option<Uuid>,
    metadata: Option<Value>,
    /// For when its root run was planned.
    start_at: Option<DateTime<Utc>>,
    parent: Option<Arc<Run>>,
    tree: Arc<Tree>,
    /// The run's row as an earlier execution left it.
    earlier: Option<FlowRun>,
    tally: Tally,
    /// What it may spend, with all that is below it.
    budget: Option<Arc<Budget>>,
    /// Set once something below it is executed.
    executes: AtomicBool,
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
        let tree = options.tree;
        let earlier = tree.earlier_root().cloned();
        let beginning = tree.beginning(options.id);
        Self {
            services,
            definition,
            id: options.id,
            root_id: options.id,
            user_id: options.user_id,
            metadata: options.metadata,
            start_at: options.start_at,
            parent: None,
            // Its row is open: it was opened again before it is executed.
            tally: Tally::new(definition.total_steps(), beginning, false),
            budget: budget_of(definition, &beginning),
            tree: Arc::new(tree),
            earlier,
            executes: AtomicBool::new(false),
            dropping: AtomicBool::new(false),
        }
    }

    /// A sub-run: the one that an earlier execution recorded in this scope, or a new one.
    fn child(parent: Arc<Self>, definition: &'static Definition, scope: &Scope) -> Self {
        let tree = Arc::clone(&parent.tree);
        let earlier = tree
            .journal()
            .and_then(|journal| journal.take_run(scope.path()));
        let id = earlier.as_ref().map_or_else(Uuid::now_v7, |run| run.id);
        let beginning = tree.beginning(id);
        Self {
            services: Arc::clone(&parent.services),
            definition,
            id,
            root_id: parent.root_id,
            user_id: parent.user_id,
            metadata: None,
            start_at: parent.start_at,
            tally: Tally::new(definition.total_steps(), beginning, earlier.is_some()),
            budget: budget_of(definition, &beginning),
            tree,
            earlier,
            parent: Some(parent),
            executes: AtomicBool::new(false),
            dropping: AtomicBool::new(false),
        }
    }

    /// The inputs of a flow or a step in this run, as they are recorded. From now on, nothing in it tells what is secret in them.
    fn shown<'a>(
        &self,
        definition: &Definition,
        inputs: &'a Map<String, Value>,
    ) -> Cow<'a, Map<String, Value>> {
        self.tree.learn(&Secrets::of(definition.secrets, inputs));
        redacted(definition.secrets, &self.tree.secrets(), inputs)
    }

    /// An error as it is recorded and told.
    fn told(&self, error: Error) -> Error {
        error.hiding(&self.tree.secrets())
    }

    /// Lets it leave memory while it only waits: somebody takes it again when it is to go on.
    pub(crate) fn leave_memory(&self) {
        self.tree.leaves_memory.store(true, Ordering::Release);
    }

    /// It may be why its processes ended: nothing else that may is executed beside it, until a step of it has come to its end.
    pub(crate) fn on_probation(&self, permit: OwnedSemaphorePermit) {
        *lock(&self.tree.probation) = Some(permit);
    }

    pub(crate) fn states(&self) -> &States {
        &self.services.states
    }

    /// Whether this is a dry run: see [`plan`].
    fn is_planned(&self) -> bool {
        self.tree.plan.is_some()
    }

    fn journal(&self) -> Option<&Arc<Journal>> {
        self.tree.journal()
    }

    /// The right to write this run and all that belong to its root.
    fn lease(&self) -> Lease {
        self.tree
            .lease
            .unwrap_or_else(|| Lease::first(self.root_id))
    }

    /// Renews the lease from now on.
    fn held(&self) -> Holding {
        self.services.leases.hold(self.lease())
    }

    /// Why this process has the run no longer.
    async fn lost(&self) -> Error {
        let root_run_id = self.root_id;
        match self.services.store.run(root_run_id).await {
            Ok(Some(row)) if row.status == RunStatus::Cancelled => {
                self.announce_end(Some(row));
                let error = Error::new(ErrorKind::Cancelled, CANCELLED);
                return error.in_flow(self.definition.name(), self.id);
            }
            Ok(None) => self.announce_end(None),
            Ok(Some(_)) => {}
            Err(error) => {
                tracing::warn!(run = %root_run_id, error = chain(&error), "why a lease was lost cannot be read");
            }
        }
        let error = Error::from(StoreError::LeaseLost { root_run_id });
        error.in_flow(self.definition.name(), self.id)
    }

    /// Waits until what was queued of this run is on disk. Where another process has the run, it ends here.
    async fn committed(&self, commit: Commit) -> Result<(), Error> {
        commit.await.map_err(|error| {
            if error.is_lease_lost() {
                self.services.leases.lose(self.lease());
            }
            error.into()
        })
    }

    /// Whether nothing more is written of this run, because it or one above it has ended.
    fn is_over(&self) -> bool {
        self.and_ancestors().any(Self::is_finished)
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

/// The budget of a run of this flow, which has spent something before. A step used alone has its own.
fn budget_of(definition: &Definition, beginning: &Beginning) -> Option<Arc<Budget>> {
    let limit = definition.budget.filter(|_| definition.is_flow())?;
    let of = format!("the flow `{}`", definition.name());
    Some(Budget::new(of, limit, beginning.spent.cost_nano_usd))
}
