//! Where a call finds its run: a task-local, read when the call is awaited, in the caller's own task.
//!
//! Reading it then and not at the first poll is what lets `join!`, `FuturesUnordered`, timeouts and
//! `tokio::spawn(call.into_future())` keep the run.

use std::fmt;
use std::future::ready;
use std::panic::Location;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::once::InEffect;
use super::request::Asked;
use super::scope::Scope;
use super::stream::{Deltas, StepStream};
use super::{Done, Run, Services, in_run, typed};
use crate::call::{AnyCall, Call, Step};
use crate::error::{Error, ErrorKind};

tokio::task_local! {
    pub(super) static PLACE: Place;
}

/// Weak: a static is never dropped, and what an engine has queued is on disk only once it was.
static INSTALLED: RwLock<Weak<Services>> = RwLock::new(Weak::new());

/// Where in a run the current task is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(super) run: Arc<Run>,
    pub(super) scope: Arc<Scope>,
    /// The key of the step that returned before a call was made here.
    pub(super) previous: Option<Arc<str>>,
    pub(super) step: Option<(Uuid, &'static str)>,
    /// Whether a step is executed around it, of which it is a part: also in a flow that a task calls.
    pub(super) is_in_step: bool,
    /// The effect that is being had around it, if one is.
    pub(super) effect: Option<Arc<InEffect>>,
    /// Where a step gives its answer as it comes.
    pub(super) deltas: Option<Deltas>,
}

impl Place {
    /// Where a root run begins.
    pub(super) fn root(run: Arc<Run>) -> Self {
        Self {
            run,
            scope: Arc::default(),
            previous: None,
            step: None,
            is_in_step: false,
            effect: None,
            deltas: None,
        }
    }

    /// Where the current task is, if it is in a run.
    pub(super) fn here() -> Option<Self> {
        let place = PLACE.try_with(Clone::clone).ok()?;
        Some(place.after())
    }

    /// The same place, after what has returned there meanwhile.
    pub(super) fn after(&self) -> Self {
        Self {
            previous: self.scope.previous(),
            ..self.clone()
        }
    }

    /// Where the current task is, for what only makes sense inside of a run.
    #[track_caller]
    pub(super) fn current(what: &str) -> Result<Self, Error> {
        let at = Location::caller();
        Self::here().ok_or_else(|| {
            let message = format!(
                "`{what}` was called outside of a run (at {at}): it belongs into a flow; what a flow spawns keeps the \
                 run by `flow_engine::spawn`"
            );
            Error::new(ErrorKind::OutsideRun, message)
        })
    }
}

/// Makes an engine the one that calls outside of a run use. False if there is one already.
pub(crate) fn install(services: &Arc<Services>) -> bool {
    let mut installed = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
    if installed.strong_count() > 0 {
        return false;
    }
    *installed = Arc::downgrade(services);
    true
}

fn installed() -> Option<Arc<Services>> {
    INSTALLED
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .upgrade()
}

/// The run and step that the calling code is a part of.
#[derive(Clone)]
pub struct Current(Place);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current")
            .field("run_id", &self.run_id())
            .field("flow", &self.flow())
            .field("step", &self.step())
            .finish_non_exhaustive()
    }
}

/// The run and step that the calling code is a part of; `None` outside of a run.
pub fn current() -> Option<Current> {
    PLACE.try_with(Clone::clone).ok().map(Current)
}

impl Current {
    /// The run: `flow_runs.id`.
    pub fn run_id(&self) -> Uuid {
        self.0.run.id
    }

    /// The run that a caller started, of which this one is a part; the same as [`run_id`](Self::run_id) outside
    /// of sub-flows.
    pub fn root_run_id(&self) -> Uuid {
        self.0.run.root_id
    }

    /// The flow's name; for a step used alone, the step's.
    pub fn flow(&self) -> &'static str {
        self.0.run.definition.name()
    }

    /// For whom it runs, if the caller said.
    pub fn user_id(&self) -> Option<Uuid> {
        self.0.run.user_id
    }

    /// The time for which the run was planned: the tick of the flow's [schedule](crate#schedules) that started it. `None` for
    /// a run that was started by hand. The same in its sub-flows, after an interruption, and in a fork.
    pub fn scheduled_at(&self) -> Option<DateTime<Utc>> {
        self.0.run.start_at
    }

    /// The step, inside a task.
    pub fn step(&self) -> Option<&'static str> {
        self.0.step.map(|(_, name)| name)
    }

    /// Inside a `once` step, what tells another service that a request is one which it may have had before: a text of 36
    /// characters, the same at every try of this effect in this run, and of no other effect. `None` everywhere else.
    ///
    /// Services that take such a token (`Idempotency-Key`, `request_id`) have an effect once however often they are asked, so
    /// that a person who resolves a doubt by [`Resolution::Retry`](crate::Resolution::Retry) risks nothing.
    pub fn idempotency_token(&self) -> Option<String> {
        let effect = self.0.effect.as_ref()?;
        let is_inside = self.step_run_id() == Some(effect.step_run_id());
        is_inside.then(|| effect.token().to_owned())
    }

    /// The step's row, inside a task: `flow_step_runs.id`.
    pub fn step_run_id(&self) -> Option<Uuid> {
        self.0.step.map(|(id, _)| id)
    }
}

/// `.await` on a call: its output, inside a run only.
///
/// Never starts a run, installed engine or not: a task that has lost its run would start one in secret.
#[track_caller]
pub fn awaited<C: Call>(call: C) -> BoxFuture<'static, Result<C::Output, Error>> {
    output_of(awaited_at(Box::new(call), Location::caller()))
}

fn awaited_at(
    call: Box<dyn AnyCall>,
    location: &'static Location<'static>,
) -> BoxFuture<'static, Result<Done, Error>> {
    match Place::here() {
        Some(place) => in_run(place, call),
        None => ready(Err(outside(call.definition().name(), location))).boxed(),
    }
}

fn output_of<T: 'static>(
    done: BoxFuture<'static, Result<Done, Error>>,
) -> BoxFuture<'static, Result<T, Error>> {
    async move { done.await.map(Done::into_output) }.boxed()
}

/// `.execute()` on a call: a part of the current run, or a run of its own on the installed engine.
#[track_caller]
pub fn execute<C: Call>(call: C) -> BoxFuture<'static, Result<C::Executed, Error>> {
    typed(executed_at(Box::new(call), Location::caller()))
}

fn executed_at(
    call: Box<dyn AnyCall>,
    location: &'static Location<'static>,
) -> BoxFuture<'static, Result<Done, Error>> {
    if let Some(place) = Place::here() {
        return in_run(place, call);
    }
    match installed() {
        Some(services) => Asked::of(services).execute_new(call),
        None => ready(Err(no_engine(call.definition().name(), location))).boxed(),
    }
}

/// `.stream()` on a call: as [`execute`], with the answer as it comes.
#[track_caller]
pub(crate) fn streamed<S: Step>(call: S) -> StepStream<S::Output> {
    let location = Location::caller();
    let (deltas, received) = Deltas::new();
    let definition = S::definition();
    let done = match (Place::here(), installed()) {
        (Some(place), _) => {
            let deltas = Some(deltas);
            in_run(Place { deltas, ..place }, Box::new(call))
        }
        (None, Some(services)) => Asked::of(services).stream(Box::new(call), deltas),
        (None, None) => ready(Err(no_engine(definition.name(), location))).boxed(),
    };
    StepStream::new(definition, received, done)
}

fn outside(name: &str, location: &Location<'_>) -> Error {
    Error::new(
        ErrorKind::OutsideRun,
        format!(
            "`{name}` was awaited outside of a run (at {location}): start one with `engine.execute({name}(…))`; inside \
             a flow, a spawned task keeps the run if the call itself is spawned: \
             `tokio::spawn({name}(…).into_future())`"
        ),
    )
}

fn no_engine(name: &str, location: &Location<'_>) -> Error {
    Error::new(
        ErrorKind::OutsideRun,
        format!(
            "`{name}` was executed outside of a run (at {location}), and no engine is installed: use \
             `engine.execute(…)`, or call `engine.install()` at the start of the program and keep the engine until its end"
        ),
    )
}
