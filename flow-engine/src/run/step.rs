//! The life of a step: it is recalled, or does its work and is recorded.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use flow_engine_db::StepStatus;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::attempt::Prepared;
use super::cache::cached;
use super::choice::{goes_live, pass_gate};
use super::context::{PLACE, Place};
use super::entry::{Entry, Task};
use super::flow::{live, panicked};
use super::progress::Counted;
use super::recall::{Recalled, find, recall};
use super::record::{Called, StepRecord};
use super::retry::{Again, retried, within};
use super::returns::Turn;
use super::{Run, StepResult};
use crate::call::{Step, Work, checked_inputs};
use crate::definition::Definition;
use crate::error::Error;
use crate::output::{OutputOf, Recorded};
use crate::state::States;

/// A step of a run.
pub fn step_in_run<S: Step>(
    place: Place,
    call: S,
) -> BoxFuture<'static, Result<StepResult<S::Output>, Error>> {
    in_run(place, Asked::by(call))
}

/// A step used alone: a run of one step.
pub fn step_as_run<S: Step>(
    run: Arc<Run>,
    call: S,
) -> BoxFuture<'static, Result<StepResult<S::Output>, Error>> {
    as_run(run, Asked::by(call))
}

/// A call without its type: what follows is compiled once for each type of output, and not in the user's crate for each step.
struct Asked<T> {
    definition: &'static Definition,
    output: OutputOf<T>,
    /// The inputs, and what is to be done: found out when the call is polled first.
    begin: Begin<T>,
}

type Begin<T> = Box<dyn FnOnce(&States) -> Begun<T> + Send>;

type Begun<T> = Result<(Map<String, Value>, Result<ToDo<T>, Error>), Error>;

/// What a call does, and how it is made to do it again.
struct ToDo<T> {
    work: Work<T>,
    again: Option<Again<T>>,
}

impl<T> Asked<T> {
    fn by<S: Step<Output = T>>(call: S) -> Self {
        let definition = S::definition();
        Self {
            definition,
            output: S::OUTPUT,
            begin: Box::new(move |states| {
                let inputs = checked_inputs(&call)?;
                let again = (definition.retries > 0).then(|| {
                    let call = call.clone();
                    Box::new(move |states: &States| call.clone().work(states)) as Again<T>
                });
                let work = call.work(states);
                Ok((inputs, work.map(|work| ToDo { work, again })))
            }),
        }
    }
}

fn in_run<T: Send + 'static>(
    place: Place,
    asked: Asked<T>,
) -> BoxFuture<'static, Result<StepResult<T>, Error>> {
    async move {
        let Asked {
            definition,
            output,
            begin,
        } = asked;
        let (inputs, work) = begun(begin, definition, &place.run)?;
        Ok(recorded(place, definition, inputs, work, output)
            .await?
            .output)
    }
    .boxed()
}

fn as_run<T: Send + 'static>(
    run: Arc<Run>,
    asked: Asked<T>,
) -> BoxFuture<'static, Result<StepResult<T>, Error>> {
    async move {
        let Asked {
            definition,
            output,
            begin,
        } = asked;
        let (inputs, work) = begun(begin, definition, &run)?;
        let place = Place::root(Arc::clone(&run));
        let content = recorded(place.clone(), definition, inputs.clone(), work, output).boxed();
        let (result, _) = live(place, &run.shown(definition, &inputs), content).await?;
        Ok(result)
    }
    .boxed()
}

fn begun<T>(begin: Begin<T>, definition: &'static Definition, run: &Run) -> Begun<T> {
    begin(run.states()).map_err(|error| {
        error
            .in_step(definition.name())
            .in_flow(run.definition.name(), run.id)
    })
}

/// Runs a step, or recalls it; the output comes with the form in which it is recorded.
async fn recorded<T: Send + 'static>(
    place: Place,
    definition: &'static Definition,
    inputs: Map<String, Value>,
    to_do: Result<ToDo<T>, Error>,
    output: OutputOf<T>,
) -> Result<Recorded<StepResult<T>>, Error> {
    let run = &place.run;
    let shown = run.shown(definition, &inputs);
    let model = run.tree.variation.model.as_deref();
    let prepare = |asked| Prepared::new(run, definition, &inputs, asked).map(Task::Ask);
    // Nothing is sent and no code runs yet: what the step reads is known here, before anything of it is recorded.
    let work = match to_do {
        Ok(ToDo {
            work: Work::Model, ..
        }) => prepare(model),
        Ok(ToDo {
            work: Work::Body(body),
            again,
        }) => Ok(Task::Run(match again {
            Some(again) => retried(body, again, Arc::clone(run), definition),
            None => body,
        })),
        Err(error) => Err(error),
    };
    if let (Ok(Task::Ask(_)), Some(_)) = (&work, model)
        && let Some(end) = shared(&place, definition, &inputs, &output).await
    {
        return end;
    }
    let entry = Entry::new(definition, &inputs, &shown, &work);
    journaled(&place, entry, output, work).await
}

/// Recalls a step of a fork that asks another model: what it shares was asked of the models of then.
async fn shared<T>(
    place: &Place,
    definition: &'static Definition,
    inputs: &Map<String, Value>,
    output: &OutputOf<T>,
) -> Option<Result<Recorded<StepResult<T>>, Error>> {
    let run = &place.run;
    let journal = run.journal()?;
    let is_shared = |prepared: &Prepared<'_>| {
        journal.has(prepared.identity(definition.name(), definition.version()))
    };
    let models = run.tree.shared_models().map(Some).chain([None]);
    let mut last = None;
    for model in models {
        // The last one is that of a run without a model of its own.
        let Ok(prepared) = Prepared::new(run, definition, inputs, model) else {
            continue;
        };
        let found = is_shared(&prepared);
        last = Some(prepared);
        if found {
            break;
        }
    }
    let prepared = last?;
    let shown = run.shown(definition, inputs);
    let entry = Entry::asking(definition, &shown, &prepared);
    pass_gate(entry.identity).await;
    let Recalled { end, turn } = find(place, &entry, Some(&prepared), output).await.ok()?;
    turn.comes().await;
    place.scope.returned(entry.identity?.key.to_string());
    Some(end)
}

/// Recalls a step, or does its work and records it.
pub(super) async fn journaled<T: Send + 'static>(
    place: &Place,
    entry: Entry<'_>,
    output: OutputOf<T>,
    task: Result<Task<'_, T>, Error>,
) -> Result<Recorded<StepResult<T>>, Error> {
    let key = entry.identity.map(|identity| identity.key.to_string());
    let mut turn = None;
    let end = recalled_or_run(place, entry, output, task, &mut turn).await;
    if let Some(turn) = &turn {
        turn.comes().await;
    }
    if let Some(key) = key {
        place.scope.returned(key);
    }
    end
}

/// Once it has ended, the turn says when it may return.
async fn recalled_or_run<T: Send + 'static>(
    place: &Place,
    entry: Entry<'_>,
    output: OutputOf<T>,
    task: Result<Task<'_, T>, Error>,
    turn: &mut Option<Turn>,
) -> Result<Recorded<StepResult<T>>, Error> {
    let run = &place.run;
    let located = |error: Error| {
        let error = error.in_step(entry.name);
        run.told(error.in_flow(run.definition.name(), run.id))
    };
    let prepared = match &task {
        Ok(Task::Ask(prepared)) => Some(prepared),
        _ => None,
    };
    let plan = run.tree.plan.as_deref().map(|plan| (plan, plan.called()));
    pass_gate(entry.identity).await;
    let called = Called::now();
    let miss = match recall(place, &entry, prepared, &output).await {
        Ok(recalled) => {
            *turn = Some(recalled.turn);
            return recalled.end.map_err(located);
        }
        Err(miss) => miss,
    };
    if entry.counted == Counted::Step {
        goes_live();
    }
    let is_left_out = match (run.journal(), entry.identity) {
        (Some(journal), Some(identity)) => journal.leaves_out(entry.name, identity),
        _ => false,
    };
    let flight = match entry.cache_key(place).filter(|_| !is_left_out) {
        Some((key, lifetime)) => match cached(place, &entry, &key, lifetime, &output).await {
            Ok(Ok(recalled)) => {
                *turn = Some(recalled.turn);
                return recalled.end.map_err(located);
            }
            Ok(Err(flight)) => Some(flight),
            Err(error) => return Err(located(error)),
        },
        None => None,
    };
    if let (Some((plan, order)), Counted::Step) = (plan, entry.counted) {
        let request = prepared.map(Prepared::shown);
        let over = plan
            .missed(order, entry.name, miss, entry.inputs, request)
            .await;
        return Err(located(over));
    }
    let record = StepRecord::start(place, &entry, &miss, called).map_err(located)?;
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
        scope: place.scope.apart(),
        step: Some((record.id, entry.name)),
        ..place.clone()
    };
    let outcome = PLACE
        .scope(
            here,
            AssertUnwindSafe(within(entry.timeout, content)).catch_unwind(),
        )
        .await
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
        .map_err(located);
    let end = match outcome {
        Ok(Recorded { json, output }) => {
            let (commit, metadata, ended) =
                record.finish(StepStatus::Completed, Some(json.clone()), None);
            *turn = Some(ended);
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
            let (commit, _, ended) = record.finish(StepStatus::Failed, None, Some(&error));
            *turn = Some(ended);
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
