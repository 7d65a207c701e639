//! The life of a step: its row, its work, its end.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flow_engine_db::{Commit, NewStep, StepFinish, StepStatus, Write};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::attempt::Prepared;
use super::cache::{self, cached};
use super::choice::pass_gate;
use super::context::{PLACE, Place};
use super::flow::{live, panicked};
use super::journal::{Miss, Wanted};
use super::progress::{Counted, Spent};
use super::recall::{find, recall};
use super::{Metadata, Run, StepResult, Variation};
use crate::call::{Body, Step, Work};
use crate::definition::Definition;
use crate::error::Error;
use crate::identity::{ALGORITHM, Hash, Identity};
use crate::inputs;
use crate::lock::lock;
use crate::output::{OutputOf, Recorded};

/// A step of a run.
pub fn step_in_run<S: Step>(
    place: Place,
    call: S,
) -> BoxFuture<'static, Result<StepResult<S::Output>, Error>> {
    async move {
        let inputs = inputs_of(&call, &place.run)?;
        Ok(recorded(place, call, inputs).await?.output)
    }
    .boxed()
}

/// A step used alone: a run of one step.
pub fn step_as_run<S: Step>(
    run: Arc<Run>,
    call: S,
) -> BoxFuture<'static, Result<StepResult<S::Output>, Error>> {
    async move {
        let inputs = inputs_of(&call, &run)?;
        let place = Place::root(Arc::clone(&run));
        let content = recorded(place.clone(), call, inputs.clone()).boxed();
        let (result, _) = live(place, &inputs, content).await?;
        Ok(result)
    }
    .boxed()
}

fn inputs_of<S: Step>(call: &S, run: &Run) -> Result<Map<String, Value>, Error> {
    call.to_inputs().map_err(|error| {
        error
            .in_step(S::definition().name())
            .in_flow(run.definition.name(), run.id)
    })
}

/// Runs a step, or recalls it; the output comes with the form in which it is recorded.
async fn recorded<S: Step>(
    place: Place,
    call: S,
    inputs: Map<String, Value>,
) -> Result<Recorded<StepResult<S::Output>>, Error> {
    let definition = S::definition();
    let run = &place.run;
    let Variation {
        model, from_step, ..
    } = &run.tree.variation;
    let prepare = |asked| Prepared::new(run, definition, &inputs, asked).map(Task::Ask);
    // Nothing is sent and no code runs yet: what the step reads is known here, before anything of it is recorded.
    let work = match call.work(run.states()) {
        Ok(Work::Model) => prepare(model.as_deref()),
        Ok(Work::Body(body)) => Ok(Task::Run(body)),
        Err(error) => Err(error),
    };
    if let (Ok(Task::Ask(_)), Some(_), Some(_)) = (&work, model, from_step) {
        // What a fork shares was asked of the model of then.
        let shared = prepare(None);
        let entry = Entry::new(definition, &inputs, &shared);
        if let Ok(Task::Ask(prepared)) = &shared
            && let Ok(recalled) = find(&place, &entry, Some(prepared), &S::OUTPUT).await
        {
            return recalled;
        }
    }
    journaled(&place, Entry::new(definition, &inputs, &work), S::OUTPUT, work).await
}

/// The kind of what the engine records for itself.
pub(crate) const ASIDE: &str = "engine";

/// What there is to do when a step is not recorded.
pub(super) enum Task<'a, T> {
    Ask(Prepared<'a>),
    Run(Body<T>),
}

/// What is known of a step before it runs, and kept in its row.
pub(super) struct Entry<'a> {
    pub(super) name: &'static str,
    pub(super) version: i32,
    pub(super) inputs: &'a Map<String, Value>,
    /// None when what it reads could not be made out: then it fails, and is not looked for.
    pub(super) identity: Option<Identity>,
    pub(super) code: Option<&'static str>,
    pub(super) prompt_id: Option<&'static str>,
    pub(super) model: Option<String>,
    pub(super) counted: Counted,
    kind: &'static str,
    cache: Option<Duration>,
}

impl<'a> Entry<'a> {
    fn new<T>(
        definition: &'static Definition,
        inputs: &'a Map<String, Value>,
        task: &Result<Task<'_, T>, Error>,
    ) -> Self {
        let (name, version) = (definition.name(), definition.version());
        let entry = Self {
            code: definition.code,
            kind: definition.kind(),
            counted: Counted::Step,
            cache: definition.cache.map(Duration::from_secs),
            ..Self::aside(name, version, inputs)
        };
        match task {
            Ok(Task::Run(_)) => entry,
            Ok(Task::Ask(prepared)) => Self {
                identity: Some(prepared.identity(name, version)),
                prompt_id: Some(prepared.prompt_id()),
                model: Some(prepared.model().to_owned()),
                ..entry
            },
            Err(_) => Self {
                identity: None,
                ..entry
            },
        }
    }

    /// What the engine records for itself.
    pub(super) fn aside(name: &'static str, version: i32, inputs: &'a Map<String, Value>) -> Self {
        Self {
            name,
            version,
            inputs,
            identity: Some(Identity::new(
                name,
                version,
                Hash::of_object("inputs", inputs),
                None,
            )),
            code: None,
            prompt_id: None,
            model: None,
            counted: Counted::Aside,
            kind: ASIDE,
            cache: None,
        }
    }

    /// Under what its result is shared with other runs, and for how long.
    fn cache_key(&self, place: &Place) -> Option<(String, Duration)> {
        let (identity, lifetime) = (self.identity?, self.cache?);
        Some((cache::key(place.run.user_id, identity, self.code), lifetime))
    }

    /// What the journal is asked with.
    pub(super) fn wanted(&self, identity: Identity) -> Wanted<'_> {
        Wanted {
            name: self.name,
            version: self.version,
            identity,
            inputs: self.inputs,
            prompt_id: self.prompt_id,
            model: self.model.as_deref(),
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
            cache_key: self.cache_key(place).map(|(key, _)| key),
            ..NewStep::new(id, place.run.id, self.name, order)
        }
    }
}

/// Recalls a step, or does its work and records it.
pub(super) async fn journaled<T: Send + 'static>(
    place: &Place,
    entry: Entry<'_>,
    output: OutputOf<T>,
    task: Result<Task<'_, T>, Error>,
) -> Result<Recorded<StepResult<T>>, Error> {
    let run = &place.run;
    let located = |error: Error| {
        error
            .in_step(entry.name)
            .in_flow(run.definition.name(), run.id)
    };
    let prepared = match &task {
        Ok(Task::Ask(prepared)) => Some(prepared),
        _ => None,
    };
    pass_gate(entry.identity).await;
    let miss = match recall(place, &entry, prepared, &output).await {
        Ok(recalled) => return recalled.map_err(located),
        Err(miss) => miss,
    };
    let flight = match entry.cache_key(place) {
        Some((key, lifetime)) => match cached(place, &entry, &key, lifetime, &output).await {
            Ok(Ok(recalled)) => return recalled.map_err(located),
            Ok(Err(flight)) => Some(flight),
            Err(error) => return Err(located(error)),
        },
        None => None,
    };
    if let (Some(plan), Counted::Step) = (&run.tree.plan, entry.counted) {
        let request = prepared.map(Prepared::body);
        match plan.missed(entry.name, miss, entry.inputs, request).await {}
    }
    let record = StepRecord::start(place, &entry, &miss).map_err(located)?;
    let content = async {
        match task? {
            Task::Ask(prepared) => {
                let answer = prepared.ask(&record).await?;
                output.read_back(answer.to_string())
            }
            Task::Run(body) => output.record(&body.await.map_err(Error::recorded)?),
        }
    };
    let here = Place {
        step: Some((record.id, entry.name)),
        ..place.clone()
    };
    let outcome = PLACE
        .scope(here, AssertUnwindSafe(content).catch_unwind())
        .await
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
        .map_err(located);
    let end = match outcome {
        Ok(Recorded { json, output }) => {
            let (commit, metadata) = record.finish(StepStatus::Completed, Some(json.clone()), None);
            // A success counts once it is on disk.
            commit.await.map_err(|error| located(error.into()))?;
            let output = StepResult {
                run_id: run.id,
                step_run_id: record.id,
                step_name: entry.name,
                output_content: output,
                metadata,
            };
            Ok(Recorded { json, output })
        }
        Err(error) => {
            let (commit, _) = record.finish(StepStatus::Failed, None, Some(&error));
            if let Err(unrecorded) = commit.await {
                tracing::error!(step = %record.id, error = %unrecorded, "the failure of a step could not be recorded");
            }
            Err(error)
        }
    };
    // Whoever waits for the same result finds it now.
    drop(flight);
    end
}

/// Records what the engine decided by itself.
pub(super) async fn record_aside(
    place: &Place,
    entry: &Entry<'_>,
    miss: &Miss,
    json: String,
) -> Result<(), Error> {
    let record = StepRecord::start(place, entry, miss)?;
    let (commit, _) = record.finish(StepStatus::Completed, Some(json), None);
    Ok(commit.await?)
}

/// The row of a step that runs. Dropped before its end, it writes an end.
pub(super) struct StepRecord {
    pub(super) run: Arc<Run>,
    pub(super) id: Uuid,
    started: Instant,
    counted: Counted,
    asked: Mutex<Asked>,
    finished: AtomicBool,
}

/// What the requests of a step came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) spent: Spent,
    pub(super) last_request: Option<Uuid>,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
}

impl StepRecord {
    fn start(place: &Place, entry: &Entry<'_>, miss: &Miss) -> Result<Self, Error> {
        let run = Arc::clone(&place.run);
        let id = Uuid::now_v7();
        let inputs = inputs::text(entry.inputs)?;
        // Not awaited: its end, which is, comes after it in the same queue.
        let _commit = run.opened(id, entry.name, |order| {
            *order += 1;
            NewStep {
                miss_reason: Some(miss.reason.to_string()),
                compared_with: miss.compared_with.as_ref().map(|row| row.step.id),
                ..entry.row(id, place, *order, inputs)
            }
            .into()
        })?;
        Ok(Self {
            run,
            id,
            started: Instant::now(),
            counted: entry.counted,
            asked: Mutex::default(),
            finished: AtomicBool::new(false),
        })
    }

    /// What its requests came to so far.
    pub(super) fn asked<T>(&self, change: impl FnOnce(&mut Asked) -> T) -> T {
        change(&mut lock(&self.asked))
    }

    fn metadata(&self) -> Metadata {
        let asked = self.asked(|asked| asked.clone());
        Metadata {
            tokens_used: asked.spent.tokens,
            cost_estimate: asked.spent.cost_usd(),
            execution_time_ms: u64::try_from(self.started.elapsed().as_millis())
                .unwrap_or(u64::MAX),
            provider: asked.provider,
            model: asked.model,
        }
    }

    fn finish(
        &self,
        status: StepStatus,
        outputs: Option<String>,
        error: Option<&Error>,
    ) -> (Commit, Metadata) {
        self.finished.store(true, Ordering::Release);
        let metadata = self.metadata();
        let asked = self.asked(|asked| asked.clone());
        let mut step_metadata = Map::new();
        if let Some(model) = &metadata.model {
            step_metadata.insert("provider".to_owned(), json!(metadata.provider));
            step_metadata.insert("model".to_owned(), json!(model));
        }
        if let Some(error) = error {
            step_metadata.insert("error".to_owned(), json!(error.record()));
        }
        let row: Write = StepFinish {
            execution_time_ms: i64::try_from(metadata.execution_time_ms).ok(),
            outputs,
            step_metadata: (!step_metadata.is_empty())
                .then(|| Value::from(step_metadata).to_string()),
            tokens_used: i64::try_from(asked.spent.tokens).unwrap_or(i64::MAX),
            cost_estimate: metadata.cost_estimate,
            llm_request_id: asked.last_request,
            error_message: error.map(Error::cause_line),
            ..StepFinish::new(self.id, status)
        }
        .into();
        let commit = self.run.closed(self.id, asked.spent, self.counted, row);
        (commit, metadata)
    }
}

impl Drop for StepRecord {
    fn drop(&mut self) {
        // A run that has ended has closed the rows of what it left behind.
        if !self.finished.load(Ordering::Acquire) && !self.run.is_finished() {
            let _ = self.finish(StepStatus::Cancelled, None, None);
        }
    }
}
