//! How a run is asked for: `engine.run(call)`.

use std::future::ready;
use std::sync::Arc;

use flow_engine_db::{ExecutionMode, Lease, NewRun, RunStatus};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::progress::naming;
use super::step::streamed_step_as_run;
use super::stream::{Deltas, StepStream};
use super::{Claim, Done, Run, Services, Tree, as_run, check_inputs, typed};
use crate::call::{AnyCall, Call, Step};
use crate::error::{Error, ErrorKind};
use crate::inputs;

/// What a caller says of a run beside its inputs.
#[derive(Debug)]
pub(crate) struct RunOptions {
    pub(crate) id: Uuid,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) metadata: Option<Value>,
    pub(crate) tree: Tree,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            id: Uuid::now_v7(),
            user_id: None,
            metadata: None,
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
}

impl<C: Call> RunRequest<C> {
    pub(crate) fn new(services: Arc<Services>, call: C) -> Self {
        let asked = Asked::of(services);
        Self { call, asked }
    }

    /// The id that the run will have, known before it starts: to watch it, or to name it elsewhere.
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

    /// Runs it to its end. Dropping the future interrupts the run; what it has recorded stays.
    ///
    /// # Errors
    /// What a step or the flow failed with, or why the run could not be recorded.
    pub fn execute(self) -> BoxFuture<'static, Result<C::Executed, Error>> {
        typed(self.asked.execute(Box::new(self.call)))
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
        let done = self.asked.stream(Box::new(self.call), deltas);
        StepStream::new(S::definition(), received, done)
    }
}

/// What a caller asks for, whatever the call.
#[derive(Debug)]
pub(super) struct Asked {
    services: Arc<Services>,
    options: RunOptions,
    mistake: Option<Error>,
}

impl Asked {
    pub(super) fn of(services: Arc<Services>) -> Self {
        Self {
            services,
            options: RunOptions::default(),
            mistake: None,
        }
    }

    pub(super) fn execute(self, call: Box<dyn AnyCall>) -> BoxFuture<'static, Result<Done, Error>> {
        self.start(call, None)
    }

    async fn enqueue(self, call: Box<dyn AnyCall>) -> Result<Uuid, Error> {
        let (definition, options) = (call.definition(), self.options);
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        check_inputs(&*call, options.id)?;
        if let Some(secret) = definition.secrets.first() {
            let message = format!(
                "`{}` cannot be queued: its input `{secret}` is secret, and so is not kept for who executes it; take it from \
                 `#[state]`",
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
            ..NewRun::new(
                options.id,
                definition.name(),
                inputs::text(&call.to_inputs()?)?,
            )
        };
        let unit = naming(options.id, vec![row.into()]);
        let Services { store, queued, .. } = &*self.services;
        store.submit(Lease::first(options.id), unit).await?;
        queued.notify_one();
        Ok(options.id)
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
        let options = match self.mistake {
            Some(mistake) => Err(mistake),
            None => self.options.claimed(),
        };
        match options {
            Ok(options) => {
                let run = Run::root(self.services, call.definition(), options);
                match deltas {
                    Some(deltas) => streamed_step_as_run(Arc::new(run), call, deltas).boxed(),
                    None => as_run(Arc::new(run), call),
                }
            }
            Err(error) => ready(Err(error)).boxed(),
        }
    }
}
