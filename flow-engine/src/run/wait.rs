//! What a flow waits for durably: a time, or a signal from outside. Both are recorded steps, so that nothing is waited for twice,
//! and a background run that only waits needs no memory meanwhile.

use std::time::Duration;

use chrono::{DateTime, Utc};
use flow_engine_db::{Signal, SignalTake, StepStatus, Write};
use serde_json::{Map, Value};

use super::choice::{deadlines, goes_live, pass_gate};
use super::context::Place;
use super::entry::Entry;
use super::plan::Plan;
use super::recall::{Recalled, recall};
use super::record::{Called, StepRecord};
use super::values::recorded;
use super::waits::{Awaited, Guard};
use crate::error::{Error, ErrorKind};
use crate::output::{Erased, Output, OutputType, Recorded, output};

/// How long is slept at a time, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_mins(1);

/// The names under which waits are recorded.
pub(crate) const WAIT_FOR: &str = "flow_engine::wait_for";
pub(crate) const SLEEP_UNTIL: &str = "flow_engine::sleep_until";

/// Waits for so long, also when the program ends meanwhile: the run goes on when that time is over, or as soon as it can after that.
///
/// While a background run does nothing but wait, it leaves memory (its status is `waiting`), and a [worker](crate::Worker)
/// takes it when its time has come.
///
/// # Errors
/// When there is no run around the call, the time lies too far ahead, or the database cannot be written.
#[track_caller]
pub fn sleep(duration: Duration) -> impl Future<Output = Result<(), Error>> {
    let place = Place::current("sleep");
    async move {
        let place = place?;
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let inputs = Map::from_iter([("duration_ms".to_owned(), Value::from(millis))]);
        let until = move || {
            let ahead = chrono::TimeDelta::from_std(duration).ok();
            let until = ahead.and_then(|ahead| Utc::now().checked_add_signed(ahead));
            until.ok_or_else(|| format!("{duration:?} from now is beyond all calendars").into())
        };
        let until = recorded(&place, "flow_engine::sleep", &inputs, until).await?;
        slept(&place.after(), until).await
    }
}

/// Waits until then, as [`sleep`] does. A time that is over is not waited for.
///
/// # Errors
/// As for [`sleep`].
#[track_caller]
pub fn sleep_until(time: DateTime<Utc>) -> impl Future<Output = Result<(), Error>> {
    let place = Place::current("sleep_until");
    async move { slept(&place?, time).await }
}

async fn slept(place: &Place, until: DateTime<Utc>) -> Result<(), Error> {
    let inputs = Map::from_iter([("until".to_owned(), Value::from(until.to_rfc3339()))]);
    let entry = Entry::wait(SLEEP_UNTIL, &inputs);
    let end = waited(
        place,
        &entry,
        Awaited::Time(until),
        &output::<()>().erased(),
    )
    .await;
    end.map(Erased::into_inner)
}

/// Waits until somebody tells this run something by this name ([`Engine::signal`](crate::Engine::signal)), and gives what was
/// told. What was told before the wait began is taken at once; of several signals of one name, the oldest. Each is taken once.
///
/// All runs of a root are told together: a flow inside of a flow hears what its root is told. In a step, which works as far as the engine
/// knows, it waits in memory.
///
/// A limit of time is [`timeout`](crate::timeout), not that of tokio: a background run leaves memory while it waits, and of tokio's
/// timers nothing is left then.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if what was told is no `T`: with the path in it; it counts as taken, and the next wait takes the next
/// one. The same if the name is empty. Else as for [`sleep`].
#[track_caller]
pub fn wait_for<T: OutputType>(
    signal: impl Into<String>,
) -> impl Future<Output = Result<T, Error>> {
    let place = Place::current("wait_for");
    let signal = signal.into();
    async move {
        if signal.is_empty() {
            let message = "a signal needs a name; nobody can tell one that has none";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let inputs = Map::from_iter([("signal".to_owned(), Value::from(signal.clone()))]);
        let entry = Entry::wait(WAIT_FOR, &inputs);
        let output = output::<T>().erased();
        let end = waited(&place?, &entry, Awaited::Signal(signal), &output).await;
        end.map(Erased::into_inner)
    }
}

/// Waits as a recorded step.
async fn waited(
    place: &Place,
    entry: &Entry<'_>,
    awaited: Awaited,
    output: &Output,
) -> Result<Erased, Error> {
    let run = &place.run;
    let located = |error: Error| run.told(error.in_flow(run.definition.name(), run.id));
    let waits = &run.tree.waits;
    let work = waits.work();
    let mut looking = Some(waits.look());
    pass_gate(entry.identity).await;
    let called = Called::now();
    let (end, turn) = match recall(place, entry, None, output).await {
        Ok(Recalled { end, turn }) => (end.map(|recorded| recorded.output.output), turn),
        Err(miss) => {
            goes_live();
            if let Some(plan) = &run.tree.plan {
                return planned(plan, &awaited, output).await;
            }
            if place.pauses() {
                drop(looking);
                return Err(located(run.stopped_by_pause(&mut Some(work)).await));
            }
            for deadline in deadlines() {
                deadline.keep().map_err(located)?;
            }
            let record = StepRecord::start(place, entry, &miss, called).map_err(located)?;
            let waiting = waits.wait(awaited.clone());
            drop(work);
            let told = match &awaited {
                Awaited::Time(until) | Awaited::Limit(until) => {
                    looking = None;
                    until_time(place, *until).await;
                    Ok(None)
                }
                Awaited::Signal(name) => next_signal(place, name, &mut looking).await.map(Some),
            };
            // Before it waits no more: it has to be recorded, and what comes next has to be asked for.
            let work = waits.work();
            drop(waiting);
            let signal = told.map_err(located)?;
            let (json, taken) = match &signal {
                None => ("null".to_owned(), None),
                Some(signal) => (signal.payload.to_string(), Some(signal)),
            };
            let end = match taken {
                None => output.read_back(json.clone()),
                Some(signal) => output
                    .read(json.clone())
                    .map_err(|reason| unfit(signal, &reason)),
            };
            let end = end.map_err(located);
            let with: Option<Write> = taken.map(|signal| {
                let (id, step_run_id) = (signal.id, record.id);
                SignalTake { id, step_run_id }.into()
            });
            let (commit, _, turn) = match &end {
                Ok(_) => record.finish_with(StepStatus::Completed, Some(json), None, with),
                Err(error) => record.finish_with(StepStatus::Failed, None, Some(error), with),
            };
            run.committed(commit).await.map_err(located)?;
            drop(work);
            (end.map(|Recorded { output, .. }| output), turn)
        }
    };
    turn.comes().await;
    // Not before: a time that was over meanwhile goes after what came in time.
    drop(looking);
    if let Some(identity) = entry.identity {
        place.scope.returned(identity.key.to_string());
    }
    end
}

/// In a dry run what is slept for is over, and nobody tells anything.
async fn planned(plan: &Plan, awaited: &Awaited, output: &Output) -> Result<Erased, Error> {
    match awaited {
        Awaited::Time(_) | Awaited::Limit(_) => Ok(output.read_back("null".to_owned())?.output),
        Awaited::Signal(name) => Err(plan.waits(name).await),
    }
}

/// Waits until a time. If it was over before, those who have to look for signals do that first: they may have come in time.
pub(super) async fn until_time(place: &Place, until: DateTime<Utc>) {
    let tree = &place.run.tree;
    if until <= Utc::now() {
        tree.returns.calm().await;
        tree.waits.looked().await;
        return;
    }
    while let Ok(left) = (until - Utc::now()).to_std() {
        // Never less than a millisecond, of which the timer knows nothing.
        tokio::time::sleep(left.min(NAP)).await;
        if left.is_zero() {
            return;
        }
    }
}

/// The oldest signal of this name that nobody has taken, once there is one. If there is none yet, it has looked.
async fn next_signal(
    place: &Place,
    name: &str,
    looking: &mut Option<Guard>,
) -> Result<Signal, Error> {
    let run = &place.run;
    let services = &run.services;
    let listener = services.signals.listen(run.root_id);
    let deadline = deadlines().filter_map(|deadline| deadline.kept()).min();
    loop {
        let told = listener.told();
        let all = services.store.signals(run.root_id).await?;
        let found = all
            .into_iter()
            .filter(|signal| signal.name == name && signal.taken_by.is_none())
            // What was told too late, while nobody was there to end the wait.
            .filter(|signal| deadline.is_none_or(|deadline| signal.created_at <= deadline))
            .find(|signal| run.tree.waits.take(signal.id));
        if let Some(found) = found {
            return Ok(found);
        }
        *looking = None;
        told.await;
    }
}

fn unfit(signal: &Signal, reason: &str) -> Error {
    let message = format!(
        "the signal `{}` that was told at {} does not fit what is waited for: {}; it counts as taken and stays in `flow_signals` ({}); \
         the next wait takes the next one",
        signal.name, signal.created_at, reason, signal.id
    );
    Error::new(ErrorKind::InvalidInput, message)
}
