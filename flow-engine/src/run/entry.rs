//! What is known of a step before it runs: what it is looked for with, and what its row says of it.

use std::time::Duration;

use flow_engine_db::NewStep;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Run;
use super::cache;
use super::context::Place;
use super::journal::Wanted;
use super::prepared::Prepared;
use super::progress::Counted;
use crate::call::Code;
use crate::definition::Definition;
use crate::error::Error;
use crate::identity::{ALGORITHM, Hash, Identity};

/// The kind of what the engine records for itself.
pub(crate) const ASIDE: &str = NewStep::ENGINE;

/// What there is to do when a step is not recorded.
#[expect(
    clippy::large_enum_variant,
    reason = "made once for each step, and not kept in numbers"
)]
pub(super) enum Task<'a> {
    Ask(Prepared<'a>),
    Run(Code),
}

/// What is known of a step before it runs, and kept in its row.
pub(super) struct Entry<'a> {
    pub(super) name: &'static str,
    pub(super) version: i32,
    pub(super) inputs: &'a Map<String, Value>,
    /// None when what it reads could not be made out: then it fails, and is not looked for.
    pub(super) identity: Option<Identity>,
    pub(super) code: Option<&'static str>,
    pub(super) prompt_id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) counted: Counted,
    /// Whether it may be taken from where the code was before it was edited.
    from_around: bool,
    /// Whether it is looked for where it is called, and nowhere else.
    pub(super) exactly: bool,
    pub(super) timeout: Option<Duration>,
    /// What the effect of a `once` step is known by.
    pub(super) once: Option<String>,
    kind: &'static str,
    cache: Option<Duration>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(
        definition: &'static Definition,
        inputs: &Map<String, Value>,
        shown: &'a Map<String, Value>,
        task: &Result<Task<'_>, Error>,
    ) -> Self {
        let entry = Self::of(definition, shown);
        match task {
            // It is known by all that it reads, also by what is not shown.
            Ok(Task::Run(_)) => Self {
                identity: Some(of_inputs(definition.name(), definition.version(), inputs)),
                ..entry
            },
            Ok(Task::Ask(prepared)) => Self::asking(definition, shown, prepared),
            Err(_) => Self {
                identity: None,
                ..entry
            },
        }
    }

    /// A step that asks a model.
    pub(super) fn asking(
        definition: &'static Definition,
        inputs: &'a Map<String, Value>,
        prepared: &Prepared<'_>,
    ) -> Self {
        Self {
            identity: Some(prepared.identity(definition.name(), definition.version())),
            prompt_id: Some(prepared.prompt_id().to_owned()),
            model: Some(prepared.model().to_owned()),
            timeout: prepared.policy().timeout,
            ..Self::of(definition, inputs)
        }
    }

    fn of(definition: &'static Definition, inputs: &'a Map<String, Value>) -> Self {
        Self {
            code: definition.code,
            kind: definition.kind(),
            counted: Counted::Step,
            from_around: true,
            cache: definition.cache.map(Duration::from_secs),
            timeout: definition.policy.timeout.map(Duration::from_millis),
            ..Self::aside(definition.name(), definition.version(), inputs)
        }
    }

    /// What the engine records for itself.
    pub(super) fn aside(name: &'static str, version: i32, inputs: &'a Map<String, Value>) -> Self {
        Self {
            name,
            version,
            inputs,
            identity: Some(of_inputs(name, version, inputs)),
            code: None,
            prompt_id: None,
            model: None,
            counted: Counted::Aside,
            // All draws of the engine have one key, and cost nothing: a new branch makes new ones.
            from_around: false,
            exactly: false,
            kind: ASIDE,
            timeout: None,
            once: None,
            cache: None,
        }
    }

    /// What the engine waits for: a signal is told once.
    pub(super) fn wait(name: &'static str, inputs: &'a Map<String, Value>) -> Self {
        Self {
            from_around: true,
            ..Self::aside(name, 1, inputs)
        }
    }

    /// Under what its result is shared with other runs, and for how long.
    pub(super) fn cache_key(&self, place: &Place) -> Option<(String, Duration)> {
        let (identity, lifetime) = (self.identity?, self.cache?);
        Some((cache::key(place.run.user_id, identity, self.code), lifetime))
    }

    /// An error of the step in this run, as it is told.
    pub(super) fn located(&self, run: &Run, error: Error) -> Error {
        let error = error.in_step(self.name);
        run.told(error.in_flow(run.definition.name(), run.id))
    }

    /// What the journal is asked with.
    pub(super) fn wanted<'w>(&'w self, identity: Identity, place: &'w Place) -> Wanted<'w> {
        Wanted {
            name: self.name,
            version: self.version,
            identity,
            inputs: self.inputs,
            prompt_id: self.prompt_id.as_deref(),
            model: self.model.as_deref(),
            asks_model: self.prompt_id.is_some(),
            from_around: self.from_around,
            exactly: self.exactly,
            scope: place.scope.path(),
            previous: place.previous.as_deref(),
        }
    }

    /// The row of a step run that starts now.
    pub(super) fn row(&self, id: Uuid, place: &Place, order: i32, inputs: String) -> NewStep {
        let hex = |hash: Hash| hash.to_string();
        NewStep {
            kind: self.kind.to_owned(),
            inputs,
            call_key: self.identity.map(|identity| hex(identity.key)),
            key_algorithm: self.identity.map(|_| ALGORITHM.to_owned()),
            content_hash: self.identity.map(|identity| hex(identity.content)),
            schema_hash: self.identity.and_then(|identity| identity.schema).map(hex),
            code_hash: self.code.map(str::to_owned),
            scope: place.scope.stored(),
            previous_key: place.previous.as_deref().map(str::to_owned),
            cache_key: self.cache_key(place).map(|(key, _)| key),
            once_key: self.once.clone(),
            ..NewStep::new(id, place.run.id, self.name, order)
        }
    }
}

/// What a task is known by.
fn of_inputs(name: &str, version: i32, inputs: &Map<String, Value>) -> Identity {
    Identity::new(name, version, Hash::of_object("inputs", inputs), None)
}
