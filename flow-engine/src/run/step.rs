//! The life of a step: it is recalled, or does its work and is recorded.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use flow_engine_db::StepStatus;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::attempt::Prepared;
use super::cache::cached;
use super::choice::pass_gate;
use super::context::{PLACE, Place};
use super::entry::{Entry, Task};
use super::flow::{live, panicked};
use super::progress::Counted;
use super::recall::{find, recall};
use super::record::StepRecord;
use super::{MissReason, Run, StepResult};
use crate::call::{Step, Work};
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
    let model = run.tree.variation.model.as_deref();
    let prepare = |asked| Prepared::new(run, definition, &inputs, asked).map(Task::Ask);
    // Nothing is sent and no code runs yet: what the step reads is known here, before anything of it is recorded.
    let work = match call.work(run.states()) {
        Ok(Work::Model) => prepare(model),
        Ok(Work::Body(body)) => Ok(Task::Run(body)),
        Err(error) => Err(error),
    };
    if let (Ok(Task::Ask(_)), Some(_)) = (&work, model) {
        // What a fork shares was asked of the model of then.
        let shared = prepare(None);
        let entry = Entry::new(definition, &inputs, &shared);
        pass_gate(entry.identity).await;
        if let Ok(Task::Ask(prepared)) = &shared
            && let Ok(recalled) = find(&place, &entry, Some(prepared), &S::OUTPUT).await
        {
            return recalled;
        }
    }
    journaled(
        &place,
        Entry::new(definition, &inputs, &work),
        S::OUTPUT,
        work,
    )
    .await
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
    let is_left_out = miss.reason == MissReason::LeftOut;
    let flight = match entry.cache_key(place).filter(|_| !is_left_out) {
        Some((key, lifetime)) => match cached(place, &entry, &key, lifetime, &output).await {
            Ok(Ok(recalled)) => return recalled.map_err(located),
            Ok(Err(flight)) => Some(flight),
            Err(error) => return Err(located(error)),
        },
        None => None,
    };
    if let (Some(plan), Counted::Step) = (&run.tree.plan, entry.counted) {
        let request = prepared.map(Prepared::body);
        let over = plan.missed(entry.name, miss, entry.inputs, request).await;
        return Err(located(over));
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
