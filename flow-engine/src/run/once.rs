//! Effects that must not repeat by themselves: `#[step(once, key = "…")]`.
//!
//! An effect is known by its step and its key, wherever in the root run it is called. Before it begins, a row says so on disk;
//! when it has returned, the row says what it gave. In between nobody knows whether it was had, whatever ended it: an error, a
//! panic, a timeout, a drop, the end of the process. Then the root run stops in doubt, nothing in the flow hears of it, and
//! a person decides.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use flow_engine_db::{RunStatus, StepStatus};
use tokio::sync::{Mutex as AsyncMutex, watch};
use uuid::Uuid;

use super::choice::{goes_live, pass_gate};
use super::context::Place;
use super::entry::{Entry, Task};
use super::park::Parking;
use super::progress::{Counted, Spent};
use super::recall::Recalled;
use super::record::{Called, StepRecord};
use super::step::executed;
use super::waits::Guard;
use super::{Done, Metadata, Run};
use crate::call::Code;
use crate::error::{Error, ErrorKind, ErrorRecord};
use crate::identity::Hash;
use crate::lock::lock;
use crate::output::{Output, Recorded};

mod doubt;
mod known;

pub use doubt::Doubt;
pub(crate) use doubt::{doubts, in_doubt};
use known::{Unknown, known, other_inputs};

type StepAndKey = (String, String);

/// The effects of a root run.
#[derive(Debug, Default)]
pub(super) struct Effects {
    known: Mutex<HashMap<StepAndKey, Arc<AsyncMutex<State>>>>,
    under_way: watch::Sender<UnderWay>,
}

/// How far this execution knows an effect. Calls of the same one wait for each other.
#[derive(Debug, Default)]
enum State {
    /// It was not asked for.
    #[default]
    Unknown,
    /// It has begun.
    Begun,
    Settled(Settled),
}

/// What an effect gave.
#[derive(Debug)]
struct Settled {
    content: Option<Hash>,
    end: Result<Gave, ErrorRecord>,
}

#[derive(Debug, Clone)]
struct Gave {
    step_run_id: Uuid,
    json: String,
    metadata: Metadata,
}

/// What has begun, and is not known to have come to its end.
#[derive(Debug, Default)]
struct UnderWay {
    effects: BTreeMap<Uuid, Begun>,
    /// One of them will not come to its end.
    is_in_doubt: bool,
    /// The root run is not executed any more.
    is_over: bool,
}

#[derive(Debug, Clone)]
struct Begun {
    step_name: String,
    key: String,
    error: Option<String>,
}

/// The effect around what is executed.
#[derive(Debug)]
pub(super) struct InEffect {
    step_name: &'static str,
    key: String,
    step_run_id: Uuid,
    token: String,
    around: Option<Arc<InEffect>>,
}

impl InEffect {
    pub(super) fn step_run_id(&self) -> Uuid {
        self.step_run_id
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    fn and_around(&self) -> impl Iterator<Item = &InEffect> {
        std::iter::successors(Some(self), |effect| effect.around.as_deref())
    }
}

/// What is the same at every try of an effect, and for no other effect: in the form of a UUID, which every service takes.
fn token(root_run_id: Uuid, step_name: &str, key: &str) -> String {
    let named = [root_run_id.to_string().as_str(), step_name, key].map(serde_json::Value::from);
    let hash = Hash::of("effect", &named.to_vec().into());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

impl Effects {
    fn of(&self, step_name: &str, key: &str) -> Arc<AsyncMutex<State>> {
        let mut known = lock(&self.known);
        let effect = known.entry((step_name.to_owned(), key.to_owned()));
        Arc::clone(effect.or_default())
    }

    fn begins(&self, id: Uuid, step_name: &str, key: &str) {
        self.under_way.send_modify(|under_way| {
            let begun = Begun {
                step_name: step_name.to_owned(),
                key: key.to_owned(),
                error: None,
            };
            under_way.effects.insert(id, begun);
        });
    }

    fn ends(&self, id: Uuid) {
        self.under_way
            .send_modify(|under_way| drop(under_way.effects.remove(&id)));
    }

    fn failed(&self, id: Uuid, error: String) {
        self.under_way.send_modify(|under_way| {
            if let Some(begun) = under_way.effects.get_mut(&id) {
                begun.error = Some(error);
            }
        });
    }

    /// The root run is not executed any more.
    pub(super) fn are_over(&self) {
        self.under_way
            .send_modify(|under_way| under_way.is_over = true);
    }

    /// Waits until the root run is not executed any more.
    pub(super) async fn over(&self) {
        self.wait_for(|under_way| under_way.is_over).await;
    }

    async fn wait_for(&self, is_so: impl FnMut(&UnderWay) -> bool) {
        // The sender is borrowed, so it is there.
        let _ = self.under_way.subscribe().wait_for(is_so).await;
    }
}

impl Run {
    /// Why the root run cannot end now: effects that have begun, and have not come to their ends.
    pub(super) fn doubt(&self) -> Option<Parking> {
        let under_way = self.tree.effects.under_way.borrow();
        let (id, first) = under_way.effects.iter().next()?;
        let message = doubt::message(
            self.root_id,
            (&first.step_name, &first.key, *id),
            first.error.as_deref(),
            under_way.effects.len() - 1,
        );
        Some(Parking {
            status: RunStatus::InDoubt,
            wake_at: None,
            signals: Vec::new(),
            message,
        })
    }

    /// Waits until the root run is to stop: at once where an effect is in doubt, and else when no effect is under way that
    /// would be in doubt then.
    pub(super) async fn stops(&self) -> Parking {
        let Self { tree, .. } = self;
        let asked = async {
            let parking = tree.stops().await;
            let at_rest = |under_way: &UnderWay| under_way.effects.is_empty();
            tree.effects.wait_for(at_rest).await;
            parking
        };
        tokio::select! {
            biased;
            () = tree.effects.wait_for(|under_way| under_way.is_in_doubt) => {}
            parking = asked => return parking,
        }
        match self.doubt() {
            Some(parking) => parking,
            None => unreachable!("what is in doubt stays under way"),
        }
    }

    /// Lets the root run stop, since an effect will not come to its end.
    pub(super) fn stop_in_doubt(&self) {
        self.tree
            .effects
            .under_way
            .send_modify(|under_way| under_way.is_in_doubt = true);
    }

    /// The same, and waits until it has. What the root's future holds is dropped meanwhile; what was spawned gets the error.
    async fn stopped_in_doubt(&self) -> Error {
        let error = self.doubt().map(|parking| parking.message);
        self.stop_in_doubt();
        self.tree.effects.over().await;
        Error::new(ErrorKind::InDoubt, error.unwrap_or_default())
    }
}

/// The effect of a call: as it is known, or else had now.
pub(super) async fn once(
    place: &Place,
    entry: &Entry<'_>,
    key: &str,
    output: &Output,
    code: Code,
    work: &mut Option<Guard>,
) -> Result<Recorded<Done>, Error> {
    let run = &place.run;
    let located = |error: Error| entry.located(run, error);
    let is_itself = |effect: &InEffect| (effect.step_name, &*effect.key) == (entry.name, key);
    if let Some(effect) = &place.effect
        && effect.and_around().any(is_itself)
    {
        let message = format!("the effect with the key `{key}` asks for itself while it is had");
        return Err(located(Error::new(ErrorKind::InvalidInput, message)));
    }
    let plan = run.tree.plan.as_deref().map(|plan| (plan, plan.called()));
    pass_gate(entry.identity).await;
    let called = Called::now();
    let effect = run.tree.effects.of(entry.name, key);
    // Kept until this call has returned, so that equal calls return after it.
    let mut state = effect.lock().await;
    match &*state {
        State::Settled(settled) => return again(place, entry, key, output, settled),
        State::Begun => return Err(located(run.stopped_in_doubt().await)),
        State::Unknown => {}
    }
    let miss = match known(place, entry, key, output).await {
        Ok(Recalled { end, turn }) => {
            turn.comes().await;
            return settled(&mut state, entry, end.map_err(located));
        }
        Err(Unknown::Refused(error)) => return Err(located(error)),
        Err(Unknown::Miss(miss)) => miss,
    };
    if let Some((plan, order)) = plan {
        let over = plan.missed(order, entry.name, miss, entry.inputs, None);
        return Err(located(over.await));
    }
    if place.pauses() {
        // Equal calls stop here, too.
        drop(state);
        return Err(located(run.stopped_by_pause(work).await));
    }
    goes_live();
    let (record, intent) = StepRecord::announced(place, entry, &miss, called).map_err(located)?;
    run.committed(intent).await.map_err(located)?;
    *state = State::Begun;
    run.tree.effects.begins(record.id, entry.name, key);
    let in_effect = Arc::new(InEffect {
        step_name: entry.name,
        key: key.to_owned(),
        step_run_id: record.id,
        token: token(run.root_id, entry.name, key),
        around: place.effect.clone(),
    });
    // Nobody else has the record yet.
    let _ = record.effect.set(in_effect);
    let outcome = executed(place, entry, output, Ok(Task::Run(code)), &record).await;
    let Recorded { json, output } = match outcome.map_err(located) {
        Ok(recorded) => recorded,
        Err(error) => {
            run.tree.effects.failed(record.id, error.cause_line());
            let (commit, ..) = record.finish(StepStatus::InDoubt, None, Some(&error));
            // Also if this call is dropped before that is on disk.
            run.stop_in_doubt();
            if let Err(unrecorded) = run.committed(commit).await {
                tracing::error!(step = %record.id, error = format!("{unrecorded:#}"), "the failure of an effect could not be recorded");
            }
            return Err(located(run.stopped_in_doubt().await));
        }
    };
    let (commit, metadata, turn) = record.finish(StepStatus::Completed, Some(json.clone()), None);
    // Its end is queued before anything else that is written from now on, also if this call is dropped before it is on disk.
    run.tree.effects.ends(record.id);
    let done = record.done(entry, output, metadata);
    let end = settled(&mut state, entry, Ok(Recorded { json, output: done }));
    if let Err(error) = run.committed(commit).await {
        // It was had, and that is recorded nowhere.
        *state = State::Begun;
        run.tree.effects.begins(record.id, entry.name, key);
        run.tree.effects.failed(record.id, error.cause_line());
        return Err(located(run.stopped_in_doubt().await));
    }
    turn.comes().await;
    end
}

/// Keeps what an effect gave for the calls that ask for it again.
fn settled(
    state: &mut State,
    entry: &Entry<'_>,
    end: Result<Recorded<Done>, Error>,
) -> Result<Recorded<Done>, Error> {
    let kept = match &end {
        Ok(Recorded { json, output }) => Ok(Gave {
            step_run_id: output.id,
            json: json.clone(),
            metadata: output.metadata.clone(),
        }),
        Err(error) => Err(error.record().clone()),
    };
    *state = State::Settled(Settled {
        content: entry.identity.map(|identity| identity.content),
        end: kept,
    });
    end
}

/// What an earlier call of this execution was given.
fn again(
    place: &Place,
    entry: &Entry<'_>,
    key: &str,
    output: &Output,
    settled: &Settled,
) -> Result<Recorded<Done>, Error> {
    let run = &place.run;
    if settled.content != entry.identity.map(|identity| identity.content) {
        return Err(entry.located(run, other_inputs(key)));
    }
    let gave = settled.end.as_ref();
    let gave = gave.map_err(|record| entry.located(run, Error::from_record(record.clone())))?;
    let Recorded { json, output } = output
        .read_back(gave.json.clone())
        .map_err(|error| entry.located(run, error))?;
    run.recalled(Spent::default(), Counted::Step);
    let done = Done {
        run_id: run.id,
        id: gave.step_run_id,
        name: entry.name,
        output,
        metadata: gave.metadata.clone(),
    };
    Ok(Recorded { json, output: done })
}
