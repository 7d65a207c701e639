//! The life of a step: it is recalled, or does its work and is recorded.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use flow_engine_db::StepStatus;
use futures::FutureExt;
use serde_json::{Map, Value};
use tokio::sync::OwnedMutexGuard;

use super::cache::cached;
use super::choice::{goes_live, pass_gate};
use super::context::{PLACE, Place};
use super::entry::{Entry, Task};
use super::flow::{live, panicked};
use super::journal::Miss;
use super::once::once;
use super::prepared::Prepared;
use super::progress::Counted;
use super::recall::{Recalled, find, recall};
use super::record::{Called, StepRecord};
use super::retry::{retried, within};
use super::returns::Turn;
use super::stream::Deltas;
use super::waits::Guard;
use super::{Done, Run};
use crate::call::{AnyCall, Code, checked_inputs};
use crate::definition::Definition;
use crate::effect;
use crate::error::Error;
use crate::output::{Erased, Output, Recorded};

/// A step of a run.
pub(super) async fn step_in_run(place: Place, call: Box<dyn AnyCall>) -> Result<Done, Error> {
    let definition = call.definition();
    let (inputs, work) = begun(call, &place.run)?;
    Ok(recorded(place, definition, inputs, work).await?.output)
}

/// A step used alone: a run of one step.
pub(super) async fn step_as_run(run: Arc<Run>, call: Box<dyn AnyCall>) -> Result<Done, Error> {
    step_at_root(Place::root(run), call).await
}

/// A step used alone, which gives its answer as it comes.
pub(super) async fn streamed_step_as_run(
    run: Arc<Run>,
    call: Box<dyn AnyCall>,
    deltas: Deltas,
) -> Result<Done, Error> {
    let deltas = Some(deltas);
    let place = Place::root(run);
    step_at_root(Place { deltas, ..place }, call).await
}

async fn step_at_root(place: Place, call: Box<dyn AnyCall>) -> Result<Done, Error> {
    let run = Arc::clone(&place.run);
    let definition = call.definition();
    let (inputs, work) = begun(call, &run)?;
    let content = recorded(place.clone(), definition, inputs.clone(), work).boxed();
    let (done, _) = live(place, &run.shown(definition, &inputs), content).await?;
    Ok(done)
}

/// What a step does, and the call that makes it do so again.
struct ToDo {
    /// None for what asks a model.
    code: Result<Option<Code>, Error>,
    again: Option<Box<dyn AnyCall>>,
    /// What its effect is known by, if it must not repeat.
    once: Option<String>,
}

/// The inputs of a step, and what it does.
fn begun(call: Box<dyn AnyCall>, run: &Run) -> Result<(Map<String, Value>, ToDo), Error> {
    let definition = call.definition();
    let located = |error: Error| {
        error
            .in_step(definition.name())
            .in_flow(run.definition.name(), run.id)
    };
    let inputs = checked_inputs(&*call).map_err(located)?;
    let once = call.effect_key().map(effect::checked).transpose();
    let once = once.map_err(located)?;
    let again = definition.policy.retries.is_some().then(|| call.cloned());
    let code = call.code(run.states());
    Ok((inputs, ToDo { code, again, once }))
}

/// Runs a step, or recalls it; the output comes with the form in which it is recorded.
async fn recorded(
    place: Place,
    definition: &'static Definition,
    inputs: Map<String, Value>,
    ToDo { code, again, once }: ToDo,
) -> Result<Recorded<Done>, Error> {
    let run = &place.run;
    let work = run.tree.waits.work();
    let shown = run.shown(definition, &inputs);
    let model = run.tree.variation.model.as_deref();
    let prepare = |asked| Prepared::new(&place, definition, &inputs, asked).map(Task::Ask);
    // Nothing is sent and no code runs yet: what the step reads is known here, before anything of it is recorded.
    let task = match code {
        Ok(None) => prepare(model),
        Ok(Some(code)) => Ok(Task::Run(match again {
            Some(again) => retried(code, again, Arc::clone(run)),
            None => code,
        })),
        Err(error) => Err(error),
    };
    if let (Ok(Task::Ask(_)), Some(_)) = (&task, model)
        && let Some(end) = shared(&place, definition, &inputs).await
    {
        return end;
    }
    let mut entry = Entry::new(definition, &inputs, &shown, &task);
    entry.once = once;
    journaled(&place, entry, definition.output(), task, work).await
}

/// Recalls a step of a fork that asks another model: what it shares was asked of the models of then.
async fn shared(
    place: &Place,
    definition: &'static Definition,
    inputs: &Map<String, Value>,
) -> Option<Result<Recorded<Done>, Error>> {
    let run = &place.run;
    let journal = run.journal()?;
    let is_shared = |prepared: &Prepared<'_>| {
        journal.has(prepared.identity(definition.name(), definition.version()))
    };
    let models = run.tree.shared_models().map(Some).chain([None]);
    let mut last = None;
    for model in models {
        // The last one is that of a run without a model of its own.
        let Ok(prepared) = Prepared::new(place, definition, inputs, model) else {
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
    let Recalled { end, turn } = find(place, &entry, Some(&prepared), definition.output())
        .await
        .ok()?;
    turn.comes().await;
    place.scope.returned(entry.identity?.key.to_string());
    Some(end)
}

/// Recalls a step, or does its work and records it.
pub(super) async fn journaled(
    place: &Place,
    entry: Entry<'_>,
    output: &Output,
    task: Result<Task<'_>, Error>,
    work: Guard,
) -> Result<Recorded<Done>, Error> {
    let key = entry.identity.map(|identity| identity.key.to_string());
    let (mut turn, mut work) = (None, Some(work));
    let end = recalled_or_run(place, entry, output, task, &mut turn, &mut work).await;
    if let Some(turn) = &turn {
        turn.comes().await;
    }
    if let Some(key) = key {
        place.scope.returned(key);
    }
    end
}

/// Once it has ended, the turn says when it may return.
async fn recalled_or_run(
    place: &Place,
    entry: Entry<'_>,
    output: &Output,
    task: Result<Task<'_>, Error>,
    turn: &mut Option<Turn>,
    work: &mut Option<Guard>,
) -> Result<Recorded<Done>, Error> {
    let task = match (task, &entry.once) {
        (Ok(Task::Run(code)), Some(key)) => {
            return once(place, &entry, key, output, code, work).boxed().await;
        }
        // It cannot run, and so has no effect.
        (task, _) => task,
    };
    let run = &place.run;
    let located = |error: Error| entry.located(run, error);
    let prepared = match &task {
        Ok(Task::Ask(prepared)) => Some(prepared),
        _ => None,
    };
    let plan = run.tree.plan.as_deref().map(|plan| (plan, plan.called()));
    pass_gate(entry.identity).await;
    let called = Called::now();
    let (miss, flight) = match taken(place, &entry, prepared, output).await {
        Ok(Ok(recalled)) => {
            *turn = Some(recalled.turn);
            return recalled.end.map_err(located);
        }
        Ok(Err(missed)) => missed,
        Err(error) => return Err(located(error)),
    };
    if let (Some((plan, order)), Counted::Step) = (plan, entry.counted) {
        let request = prepared.map(Prepared::shown);
        let over = plan
            .missed(order, entry.name, miss, entry.inputs, request)
            .await;
        return Err(located(over));
    }
    if entry.counted == Counted::Step && place.pauses() {
        // Who waits for the same result stops here, too.
        drop(flight);
        return Err(located(run.stopped_by_pause(work).await));
    }
    let record = StepRecord::start(place, &entry, &miss, called).map_err(located)?;
    let outcome = executed(place, &entry, output, task, &record).await;
    let end = match outcome.map_err(located) {
        Ok(Recorded { json, output }) => {
            let (commit, metadata, ended) =
                record.finish(StepStatus::Completed, Some(json.clone()), None);
            *turn = Some(ended);
            // A success counts once it is on disk.
            run.committed(commit).await.map_err(located)?;
            let done = record.done(&entry, output, metadata);
            Ok(Recorded { json, output: done })
        }
        Err(error) => {
            let (commit, _, ended) = record.finish(StepStatus::Failed, None, Some(&error));
            *turn = Some(ended);
            if let Err(unrecorded) = run.committed(commit).await {
                tracing::error!(step = %record.id, error = format!("{unrecorded:#}"), "the failure of a step could not be recorded");
            }
            Err(error)
        }
    };
    // Whoever waits for the same result finds it now.
    drop(flight);
    end
}

/// What is recorded of a step, in its run or for all; or why nothing is, and what tells those who wait for the same.
async fn taken(
    place: &Place,
    entry: &Entry<'_>,
    prepared: Option<&Prepared<'_>>,
    output: &Output,
) -> Result<Result<Recalled, (Miss, Option<OwnedMutexGuard<()>>)>, Error> {
    let miss = match recall(place, entry, prepared, output).await {
        Ok(recalled) => return Ok(Ok(recalled)),
        Err(miss) => miss,
    };
    if entry.counted == Counted::Step {
        goes_live();
    }
    let is_left_out = match (place.run.journal(), entry.identity) {
        (Some(journal), Some(identity)) => journal.leaves_out(entry.name, identity),
        _ => false,
    };
    let Some((key, lifetime)) = entry.cache_key(place).filter(|_| !is_left_out) else {
        return Ok(Err((miss, None)));
    };
    let cached = cached(place, entry, &key, lifetime, output).await?;
    Ok(cached.map_err(|flight| (miss, Some(flight))))
}

/// Does the work of a step.
pub(super) async fn executed(
    place: &Place,
    entry: &Entry<'_>,
    output: &Output,
    task: Result<Task<'_>, Error>,
    record: &StepRecord,
) -> Result<Recorded<Erased>, Error> {
    let content = async {
        match task? {
            Task::Ask(prepared) => {
                let answer = prepared.ask(record).boxed().await?;
                output.read_back(answer.to_string())
            }
            Task::Run(code) => output.record(&code.await.map_err(Error::recorded)?),
        }
    };
    let here = Place {
        scope: place.scope.apart(),
        step: Some((record.id, entry.name)),
        is_in_step: true,
        effect: record.effect.get().or(place.effect.as_ref()).cloned(),
        deltas: None,
        ..place.clone()
    };
    let content = AssertUnwindSafe(within(entry.timeout, content)).catch_unwind();
    PLACE
        .scope(here, content)
        .await
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}
