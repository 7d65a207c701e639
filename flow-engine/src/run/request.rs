//! How a run is asked for: `engine.run(call)`. What becomes of a key that was brought before is the engine's: [`Again`].

use std::future::ready;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use flow_engine_db::{ExecutionMode, FlowRun, Lease, LeaseTerm, NewRun, RunStatus, StoreError};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::artifact::naming;
use super::step::streamed_step_as_run;
use super::stream::{Deltas, StepStream};
use super::tree::Key;
use super::{Claim, Done, Run, Services, Tree, as_run, check_inputs, typed};
use crate::call::{AnyCall, Call, Step};
use crate::definition::{Definition, find};
use crate::difference::changes;
use crate::error::{Error, ErrorKind};
use crate::inputs;

/// What a caller says of a run beside its inputs.
#[derive(Debug)]
pub(crate) struct RunOptions {
    pub(crate) id: Uuid,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) metadata: Option<Value>,
    /// For when it was planned.
    pub(crate) start_at: Option<DateTime<Utc>>,
    pub(crate) tree: Tree,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            id: Uuid::now_v7(),
            user_id: None,
            metadata: None,
            start_at: None,
            tree: Tree::default(),
        }
    }
}

impl RunOptions {
    /// With the right to execute the run, so that nobody resumes it meanwhile.
    pub(crate) fn claimed(mut self) -> Result<Self, Error> {
        self.tree.claim(Claim::of(self.id)?);
        Ok(self)
    }
}

/// A run that has not started: [`Engine::run`](crate::Engine::run) makes it, [`execute`](Self::execute) starts it.
#[derive(Debug)]
#[must_use = "a run does nothing until it is executed"]
pub struct RunRequest<C> {
    call: C,
    asked: Asked,
    again: Again,
}

impl<C: Call> RunRequest<C> {
    pub(crate) fn new(services: Arc<Services>, call: C, again: Again) -> Self {
        let asked = Asked::of(services);
        Self { call, asked, again }
    }

    /// The id that the run will have, known before it starts, so that it can be named elsewhere. It can be looked for once it has begun.
    pub fn id(&self) -> Uuid {
        self.asked.options.id
    }

    /// For whom it runs: `flow_runs.user_id`.
    pub fn user(mut self, id: Uuid) -> Self {
        self.asked.options.user_id = Some(id);
        self
    }

    /// Anything of the caller's to find the run by later: `flow_runs.flow_metadata`, as JSON.
    pub fn metadata(mut self, metadata: impl Serialize) -> Self {
        match serde_json::to_value(metadata) {
            Ok(json) => self.asked.options.metadata = Some(json),
            Err(error) => {
                let message = format!("the metadata of the run cannot be written as JSON: {error}");
                self.asked.mistake = Some(Error::new(ErrorKind::InvalidInput, message));
            }
        }
        self
    }

    /// Of queued runs the one with the highest priority starts first, and of several with the same the oldest; 0 if this is not
    /// called.
    pub fn priority(mut self, priority: i32) -> Self {
        self.asked.priority = Some(priority);
        self
    }

    /// A queued run does not start before this.
    pub fn start_at(mut self, time: DateTime<Utc>) -> Self {
        self.asked.start_at = Some(time);
        self
    }

    /// A name for what the run is to do, such as the id of an event that may be delivered twice: 1 to 255 characters. Of one
    /// flow there is one run with it, whichever process asks; who brings it again gets that run. [`execute`](Self::execute) gives
    /// what the run gave, and executes nothing if it has completed; it waits for one that is executed, by whatever process, and
    /// goes on with one that is queued, was interrupted or has failed, as [`Engine::resume`](crate::Engine::resume) does.
    /// [`enqueue`](Self::enqueue) gives its id.
    ///
    /// The inputs must be those of that run, else both fail with [`ErrorKind::InvalidInput`]. A key is free again when its run is
    /// deleted.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        match wrong_key(&key) {
            None => self.asked.options.tree.key = Some(Key::new(key)),
            Some(wrong) => {
                let message = format!(
                    "this idempotency key {wrong}: a key has 1 to {LONGEST_KEY} characters, not only blanks, and no control \
                     characters"
                );
                self.asked.mistake = Some(Error::new(ErrorKind::InvalidInput, message));
            }
        }
        self
    }

    pub(crate) fn services(&self) -> Arc<Services> {
        Arc::clone(&self.asked.services)
    }

    /// Records it as a background run that this engine has, and gives its id with the right to execute it; or, without that, the
    /// id of the run that has its key.
    pub(crate) async fn begin(self) -> Result<(Uuid, Option<Claim>), Error> {
        at_once(self.asked.priority, self.asked.start_at)?;
        let claim = Claim::of(self.asked.options.id)?;
        let (own, term) = (self.asked.options.id, self.asked.services.leases.term());
        let run_id = self.asked.record(Box::new(self.call), Some(term)).await?;
        Ok((run_id, (run_id == own).then_some(claim)))
    }

    /// Runs it to its end. Dropping the future interrupts the run; what it has recorded stays.
    ///
    /// # Errors
    /// What a step or the flow failed with, or why the run could not be recorded.
    pub fn execute(self) -> BoxFuture<'static, Result<C::Executed, Error>> {
        typed(self.asked.execute(Box::new(self.call), self.again))
    }
}

impl<C: Call> RunRequest<C> {
    /// Queues the run for a [worker](crate::Worker) of any process, and gives its id once it is on disk. What becomes of it is
    /// in its row: [`Engine::find_run`](crate::Engine::find_run).
    ///
    /// # Errors
    /// When the inputs do not hold, or some are secret: the worker reads them in the run's row, where no secret is kept. Or why
    /// the run could not be recorded.
    pub fn enqueue(self) -> BoxFuture<'static, Result<Uuid, Error>> {
        self.asked.enqueue(Box::new(self.call)).boxed()
    }
}

impl<S: Step> RunRequest<S> {
    /// Runs a step to its end, and gives its answer as it comes.
    pub fn stream(self) -> StepStream<S::Output> {
        let (deltas, received) = Deltas::new();
        let mut asked = self.asked;
        if asked.options.tree.key.is_some() {
            let message = "an answer does not come in pieces a second time: a run with an idempotency key is executed by \
                           `.execute()`";
            asked.mistake = Some(Error::new(ErrorKind::InvalidInput, message));
        }
        let done = asked.stream(Box::new(self.call), deltas);
        StepStream::new(S::definition(), received, done)
    }
}

/// What the engine does with the run that has the key of a call: gives its end.
pub(crate) type Again =
    fn(Arc<Services>, Uuid, Box<dyn AnyCall>) -> BoxFuture<'static, Result<Done, Error>>;

/// In characters. With the longest name of a flow, it fits into the index of any database.
const LONGEST_KEY: usize = 255;

fn wrong_key(key: &str) -> Option<String> {
    let count = key.chars().count();
    match key.chars().find(|character| character.is_control()) {
        _ if key.is_empty() => Some("is empty".to_owned()),
        Some(control) => Some(format!("holds the control character {control:?}")),
        None if key.trim().is_empty() => Some("is blank".to_owned()),
        None if count > LONGEST_KEY => Some(format!("has {count} characters")),
        None => None,
    }
}

/// What a caller asks for, whatever the call.
#[derive(Debug)]
pub(super) struct Asked {
    services: Arc<Services>,
    options: RunOptions,
    priority: Option<i32>,
    start_at: Option<DateTime<Utc>>,
    mistake: Option<Error>,
}

impl Asked {
    pub(super) fn of(services: Arc<Services>) -> Self {
        Self {
            services,
            options: RunOptions::default(),
            priority: None,
            start_at: None,
            mistake: None,
        }
    }

    /// Of a run that is new: see [`execute`](Self::execute).
    pub(super) fn execute_new(
        self,
        call: Box<dyn AnyCall>,
    ) -> BoxFuture<'static, Result<Done, Error>> {
        self.start(call, None)
    }

    /// A run with a key is asked for again if another one turns out to have it.
    fn execute(
        self,
        call: Box<dyn AnyCall>,
        again: Again,
    ) -> BoxFuture<'static, Result<Done, Error>> {
        if self.options.tree.key.is_none() {
            return self.start(call, None);
        }
        let services = Arc::clone(&self.services);
        let run = match self.root(call.definition()) {
            Ok(run) => Arc::new(run),
            Err(error) => return ready(Err(error)).boxed(),
        };
        let same = call.cloned();
        let end = as_run(Arc::clone(&run), call);
        async move {
            let end = end.await;
            match run.tree.key_holder() {
                Some(holder) => again(services, holder, same).await,
                None => end,
            }
        }
        .boxed()
    }

    async fn enqueue(self, call: Box<dyn AnyCall>) -> Result<Uuid, Error> {
        let (services, own) = (Arc::clone(&self.services), self.options.id);
        let run_id = self.record(call, None).await?;
        if run_id == own {
            services.queued.notify_one();
        }
        Ok(run_id)
    }

    /// Records a background run, with a lease if it is taken at once, and gives its id; or that of the run that has its key.
    async fn record(self, call: Box<dyn AnyCall>, lease: Option<LeaseTerm>) -> Result<Uuid, Error> {
        let (definition, options) = (call.definition(), self.options);
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        check_inputs(&*call, options.id)?;
        if let Some(secret) = definition.secrets.first() {
            let message = format!(
                "`{}` cannot be executed in the background: its input `{secret}` is secret, and so is not kept for who executes \
                 it; take it from `#[state]`",
                definition.name()
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let row = NewRun {
            user_id: options.user_id,
            status: RunStatus::Pending,
            execution_mode: ExecutionMode::Background,
            total_steps: definition.total_steps(),
            flow_metadata: options.metadata.as_ref().map(ToString::to_string),
            flow_version: definition.version(),
            started_at: None,
            idempotency_key: options.tree.key.map(|key| key.name),
            priority: self.priority.unwrap_or(0),
            start_at: self.start_at,
            lease,
            ..NewRun::new(
                options.id,
                definition.name(),
                inputs::text(&call.to_inputs()?)?,
            )
        };
        let unit = naming(options.id, vec![row.into()]);
        let store = &self.services.store;
        loop {
            let run_id = match store.submit(Lease::first(options.id), unit.clone()).await {
                Ok(()) => {
                    self.services
                        .announce_queued(options.id, definition.name(), 0.0);
                    return Ok(options.id);
                }
                Err(StoreError::KeyTaken { run_id }) => run_id,
                Err(error) => return Err(error.into()),
            };
            // Deleted meanwhile, it has left the key to this one.
            if let Some(run) = store.run(run_id).await? {
                check_same_inputs(&*call, &run)?;
                return Ok(run_id);
            }
        }
    }

    pub(super) fn stream(
        self,
        call: Box<dyn AnyCall>,
        deltas: Deltas,
    ) -> BoxFuture<'static, Result<Done, Error>> {
        self.start(call, Some(deltas))
    }

    fn start(
        self,
        call: Box<dyn AnyCall>,
        deltas: Option<Deltas>,
    ) -> BoxFuture<'static, Result<Done, Error>> {
        match (self.root(call.definition()), deltas) {
            (Ok(run), Some(deltas)) => streamed_step_as_run(Arc::new(run), call, deltas).boxed(),
            (Ok(run), None) => as_run(Arc::new(run), call),
            (Err(error), _) => ready(Err(error)).boxed(),
        }
    }

    /// A run that is executed at once.
    fn root(self, definition: &'static Definition) -> Result<Run, Error> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        at_once(self.priority, self.start_at)?;
        Ok(Run::root(
            self.services,
            definition,
            self.options.claimed()?,
        ))
    }
}

/// Refuses what is for queued runs only.
fn at_once(priority: Option<i32>, start_at: Option<DateTime<Utc>>) -> Result<(), Error> {
    let waits = [
        ("priority", priority.is_some()),
        ("start_at", start_at.is_some()),
    ];
    let Some((name, _)) = waits.iter().find(|(_, is_set)| *is_set) else {
        return Ok(());
    };
    let message = format!(
        "only a queued run waits for its turn, and this one is executed at once: end with `.enqueue()`, or leave `{name}` out"
    );
    Err(Error::new(ErrorKind::InvalidInput, message))
}

/// Whether a call is the one that a run with its key is of.
pub(crate) fn check_same_inputs(call: &dyn AnyCall, run: &FlowRun) -> Result<(), Error> {
    let shown = |call: &dyn AnyCall| -> Result<Value, Error> {
        let inputs = call.to_inputs()?;
        let text = inputs::text(&call.definition().redacted(&inputs))?;
        serde_json::from_str(&text).map_err(|error| {
            let message = format!("the inputs cannot be read as JSON: {error}");
            Error::new(ErrorKind::InvalidInput, message)
        })
    };
    let given = shown(call)?;
    if given == run.inputs {
        return Ok(());
    }
    // Since then the fn may have lost an input, or have got one with a default.
    let recorded = run.inputs.as_object().cloned().unwrap_or_default();
    let as_of_today = find(&run.flow_name)
        .and_then(|registered| registered.recorded_call(recorded).ok())
        .and_then(|recorded| shown(&*recorded).ok());
    let recorded = as_of_today.as_ref().unwrap_or(&run.inputs);
    let differences: Vec<String> = changes(recorded, &given)
        .iter()
        .map(ToString::to_string)
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the run {} of `{}` has this idempotency key and other inputs ({}): a key stands for one run with one set of inputs; take \
         another key",
        run.id,
        run.flow_name,
        differences.join(", ")
    );
    Err(Error::new(ErrorKind::InvalidInput, message))
}
