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
use super::retry::{retried, within};
use super::returns::Turn;
use super::{Run, StepResult};
use crate::call::{Step, Work};
use crate::definition::Definition;
use crate::error::Error;
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
        let inputs = S::definition().redacted(&inputs);
        let (result, _) = live(place, &inputs, content).await?;
        Ok(result)
    }
    .boxed()
}

fn inputs_of<S: Step>(call: &S, run: &Run) -> Result<Map<String, Value>, Error> {
    let inputs = call.check_inputs().and_then(|()| call.to_inputs());
    inputs.map_err(|error| {
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
    let model = run.tree.variation.model.as_deref();
    let prepare = |asked| Prepared::new(run, definition, &inputs, asked).map(Task::Ask);
    // Nothing is sent and no code runs yet: what the step reads is known here, before anything of it is recorded.
    let again = (definition.retries > 0).then(|| call.clone());
    let work = match (call.work(run.states()), again) {
        (Ok(Work::Model), _) => prepare(model),
        (Ok(Work::Body(_)), Some(call)) => Ok(Task::Run(retried(
            call,
            Arc::clone(run),
            definition.retries,
        ))),
        (Ok(Work::Body(body)), None) => Ok(Task::Run(body)),
        (Err(error), _) => Err(error),
    };
    if let (Ok(Task::Ask(_)), Some(_)) = (&work, model)
        && let Some(end) = shared(&place, definition, &inputs, &S::OUTPUT).await
    {
        return end;
    }
    let shown = definition.redacted(&inputs);
    let entry = Entry::new(definition, &inputs, &shown, &work);
    journaled(&place, entry, S::OUTPUT, work).await
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
    let shown = definition.redacted(inputs);
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
        error
            .in_step(entry.name)
            .in_flow(run.definition.name(), run.id)
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
