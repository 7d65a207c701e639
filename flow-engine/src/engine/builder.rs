//! How an engine is put together, and what is checked before it starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flow_engine_db::{LeaseTerm, Store};
use uuid::Uuid;

use super::Engine;
use super::contract::{beyond_budgets, mistakes};
use crate::artifacts::Artifacts;
use crate::definition::registered;
use crate::environment::variable;
use crate::error::{Error, ErrorKind};
use crate::event::Announcer;
use crate::llm::{Limit, Limits, LlmBackend, Models};
use crate::policy::Policy;
use crate::prices::Prices;
use crate::run::{Budget, Leases, Services, Signals, nano_usd};
use crate::state::States;

const DEFAULT_DATABASE: &str = "sqlite://flow-engine.db";
const DEFAULT_LEASE: Duration = Duration::from_secs(10);

/// Puts an [`Engine`] together.
#[derive(Debug, Default)]
#[must_use = "an engine is there once it is built"]
pub struct EngineBuilder {
    database_url: Option<String>,
    store: Option<Arc<dyn Store>>,
    backend: Option<Arc<dyn LlmBackend>>,
    providers: BTreeMap<String, Arc<dyn LlmBackend>>,
    model: Option<String>,
    aliases: BTreeMap<String, String>,
    limits: Limits,
    policy: Policy,
    budget_usd: Option<f64>,
    prices: Option<Prices>,
    artifacts_url: Option<String>,
    states: States,
    lease: Option<Duration>,
}

impl EngineBuilder {
    /// The database: `sqlite://` and a path, from the working folder or absolute, or with the feature `postgres`
    /// `postgres://user:password@host/database`. It is that of the environment if this is not called.
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.database_url = Some(url.into());
        self
    }

    /// An open database, in place of one that is opened by its URL: for tests of what happens when it fails.
    #[doc(hidden)]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// How long this process may be silent before others may take over the runs that it executes: 10 seconds if this is
    /// not called; no time at all is refused. It says three times as often that it is alive. Longer than the longest pause that it
    /// makes and lives on: a run that was killed with its process can be resumed by another one when that time is over (that of
    /// the killed process, whatever the other one has); a process that was stopped for longer, and finds its run with another one when it
    /// goes on, ends it with [`ErrorKind::LeaseLost`].
    pub fn lease(mut self, duration: Duration) -> Self {
        self.lease = Some(duration);
        self
    }

    /// Who answers the model steps, but for those whose model is of a [`provider`](Self::provider).
    pub fn backend(mut self, backend: impl LlmBackend) -> Self {
        self.backend = Some(Arc::new(backend));
        self
    }

    /// Who answers for the models whose names begin with this and a slash: `mistral/mistral-small-latest` of the provider
    /// `mistral`.
    pub fn provider(mut self, name: impl Into<String>, backend: impl LlmBackend) -> Self {
        self.providers.insert(name.into(), Arc::new(backend));
        self
    }

    /// The model of steps that name none.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Another name for a model: `fast` for `mistral/mistral-small-latest`. What runs record is the model.
    pub fn alias(mut self, alias: impl Into<String>, model: impl Into<String>) -> Self {
        self.aliases.insert(alias.into(), model.into());
        self
    }

    /// How much is asked of a model at a time, whatever the run. Named as it is asked for, not by an alias.
    pub fn limit(mut self, model: impl Into<String>, limit: Limit) -> Self {
        self.limits.insert(model.into(), limit);
        self
    }

    /// What model steps do when a request fails, or when its answer cannot be used.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// What all that this engine executes may cost, in US dollars, from now until it is dropped. A request that may cost more
    /// than is left is not sent: its step fails with [`ErrorKind::OverBudget`]. The prices of all models that the program's
    /// steps name must be known.
    pub fn budget_usd(mut self, usd: f64) -> Self {
        self.budget_usd = Some(usd);
        self
    }

    /// What models cost: the built-in table if this is not called, with the override file before it that the environment
    /// variable `FLOW_ENGINE_PRICES` names.
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Where the bytes of images are kept: a folder (`file:///var/lib/artifacts`), or with the feature of flow-engine behind it
    /// `s3://bucket/folder` (`s3`), `gs://…` (`gcs`) or `az://…` (`azure`), with the variables of the environment that the
    /// cloud's own tools read. If this is not called, what the variable `FLOW_ENGINE_ARTIFACTS_URL` says, else the folder
    /// `flow-engine-artifacts` beside the database, which is made when it is first needed. With a database on a server it is in the
    /// working folder: name a place that all processes share.
    pub fn artifacts_url(mut self, url: impl Into<String>) -> Self {
        self.artifacts_url = Some(url.into());
        self
    }

    /// What `#[state]` parameters of this type are filled with: a pool, a client. It is cloned for each call.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Checks every step and flow of the program, opens the database and brings its tables up to date.
    ///
    /// Flows are executed on a tokio runtime with its timer, as `#[tokio::main]` makes it.
    ///
    /// # Errors
    /// All that is wrong with the steps and flows, on one line each: two of one name, a `#[state]` type that was not
    /// given, an output that a model cannot be held to, a budget of a step or of the engine for a model without a known price
    /// (a [free](LlmBackend::is_free) backend needs none). Else, that no backend is configured, that the price file is no
    /// table and where, that artifacts cannot be kept at such a URL, or why the database cannot be opened.
    pub async fn build(self) -> Result<Engine, Error> {
        let budget = self.budget_usd.map(engine_budget).transpose()?;
        let mistakes = mistakes(&registered(), Some(&self.states));
        if !mistakes.is_empty() {
            return Err(configuration(mistakes.join("\n")));
        }
        let backend = match self.backend {
            Some(backend) => backend,
            None => backend_of_environment()?,
        };
        let prices = match self.prices {
            Some(prices) => prices,
            None => Prices::from_env()?,
        };
        let store = match self.store {
            Some(store) => store,
            None => open(self.database_url).await?,
        };
        let artifacts = Artifacts::new(self.artifacts_url, store.location())?;
        let model = match self.model {
            Some(model) => Some(model),
            None => variable("FLOW_ENGINE_MODEL")?,
        };
        let models = Models {
            backend,
            providers: self.providers,
            aliases: self.aliases,
            default: model,
            limits: self.limits,
        };
        models.check()?;
        if self.lease.is_some_and(|lease| lease.is_zero()) {
            return Err(configuration(
                "a lease of no time cannot be held: give `lease` the time for which a process may be silent, such as 10 seconds",
            ));
        }
        let term = LeaseTerm {
            owner: Uuid::now_v7(),
            duration: self.lease.unwrap_or(DEFAULT_LEASE),
        };
        let services = Services {
            leases: Arc::new(Leases::new(Arc::clone(&store), term)),
            queued: Arc::default(),
            events: Announcer::default(),
            watched: Arc::default(),
            signals: Arc::new(Signals::new(Arc::clone(&store))),
            background: Arc::default(),
            store,
            models: Arc::new(models),
            policy: self.policy,
            budget,
            prices,
            artifacts: Arc::new(artifacts),
            states: Arc::new(self.states),
            flights: Arc::default(),
        };
        let mistakes = beyond_budgets(&registered(), &services);
        if !mistakes.is_empty() {
            return Err(configuration(mistakes.join("\n")));
        }
        Ok(Engine {
            services: Arc::new(services),
        })
    }
}

fn engine_budget(usd: f64) -> Result<Arc<Budget>, Error> {
    if usd.is_finite() && usd > 0.0 {
        return Ok(Budget::new("this engine", nano_usd(usd), 0));
    }
    Err(configuration(format!(
        "a budget of {usd} US dollars is none"
    )))
}

async fn open(url: Option<String>) -> Result<Arc<dyn Store>, Error> {
    let url = match url {
        Some(url) => url,
        None => variable("FLOW_ENGINE_DATABASE_URL")?
            .or(variable("DATABASE_URL")?)
            .unwrap_or_else(|| DEFAULT_DATABASE.to_owned()),
    };
    Ok(flow_engine_db::connect(&url).await?)
}

fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(feature = "openai")]
fn backend_of_environment() -> Result<Arc<dyn LlmBackend>, Error> {
    let backend = crate::llm::OpenAiBackend::from_env().map_err(|error| {
        let message = format!("{error}; or give the engine one with `Engine::builder().backend(…)`, which answers for the models that no provider is named for");
        configuration(message)
    })?;
    Ok(Arc::new(backend))
}

#[cfg(not(feature = "openai"))]
fn backend_of_environment() -> Result<Arc<dyn LlmBackend>, Error> {
    Err(configuration(
        "no model is configured: give the engine one with `Engine::builder().backend(…)`, or turn on the feature \
         `openai` of flow-engine",
    ))
}
