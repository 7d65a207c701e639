//! Choices that time makes, and a replay must make again: which of several futures was first, and (in `timeout`) whether one was
//! in time.
//!
//! A choice is a recorded step of its own, known by what its branches ask for first. So each branch is polled once, and its
//! first call waits at a [`Gate`]; then the journal is asked for the outcome, and only those branches go on that the
//! outcome lets go on. A branch that makes no call before it waits for something else is known by that.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;

use flow_engine_db::{StepRetire, StepStatus, Write};
use futures::future::select_all;
use futures::poll;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::context::{PLACE, Place};
use super::entry::Entry;
use super::journal::Miss;
use super::kept::spent;
use super::progress::Counted;
use super::recall::{Recalled, recall};
use super::record::{Called, StepRecord};
use super::returns::Turn;
use super::scope::{Inside, Scope};
use super::timeout::Deadline;
use crate::error::{Error, ErrorKind};
use crate::identity::Identity;
use crate::lock::lock;
use crate::output::{Erased, OutputType, output};

tokio::task_local! {
    pub(super) static GATE: Arc<Gate>;
}

/// Holds the first call of a branch until it is known whether the branch is to go on.
#[derive(Debug)]
pub(super) struct Gate {
    first: Mutex<Option<String>>,
    open: watch::Sender<bool>,
    /// Whether the branch has come to what is not recorded.
    is_live: watch::Sender<bool>,
    /// When the branch has to be over, if it is that of a timeout.
    pub(super) deadline: OnceLock<Arc<Deadline>>,
    /// The gate of the choice that this one is a part of.
    outer: Option<Arc<Gate>>,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            first: Mutex::default(),
            open: watch::Sender::new(false),
            is_live: watch::Sender::new(false),
            deadline: OnceLock::new(),
            outer: GATE.try_with(Arc::clone).ok(),
        })
    }

    async fn live(&self) {
        // The sender is in the gate, so it is there.
        let _ = self.is_live.subscribe().wait_for(|live| *live).await;
    }

    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }
}

/// A call inside of a branch: passes its gate.
pub(super) async fn pass_gate(identity: Option<Identity>) {
    let Ok(gate) = GATE.try_with(Arc::clone) else {
        return;
    };
    if *gate.open.borrow() {
        return;
    }
    if let Some(identity) = identity {
        lock(&gate.first).get_or_insert_with(|| identity.key.to_string());
    }
    // The sender is in the gate, so it is there.
    let _ = gate.open.subscribe().wait_for(|open| *open).await;
}

/// A call inside of a branch, or of several around each other, is not recorded and is executed.
pub(super) fn goes_live() {
    for gate in gates() {
        gate.is_live.send_replace(true);
    }
}

/// When a call must be over, by each timeout that it is inside of.
pub(super) fn deadlines() -> impl Iterator<Item = Arc<Deadline>> {
    gates().filter_map(|gate| gate.deadline.get().cloned())
}

/// The gates of the branches that a call is inside of, from the innermost.
fn gates() -> impl Iterator<Item = Arc<Gate>> {
    let innermost = GATE.try_with(Arc::clone).ok();
    std::iter::successors(innermost, |gate| gate.outer.clone())
}

/// A future whose first call waits.
pub(super) struct Branch<'a, T> {
    pub(super) gate: Arc<Gate>,
    scope: Arc<Scope>,
    pub(super) future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
}

impl<'a, T> Branch<'a, T> {
    /// In a scope of its own: what a branch records before it is given up is not what comes after it asks for.
    pub(super) fn new(
        name: &str,
        place: &Place,
        future: impl IntoFuture<Output = T, IntoFuture: Send + 'a>,
    ) -> Self {
        let gate = Gate::new();
        let here = Place {
            scope: place.scope.inner(name, None),
            previous: None,
            ..place.clone()
        };
        let scope = Arc::clone(&here.scope);
        let inside = Inside::new(place.run.journal().cloned(), Arc::clone(&scope));
        let future = PLACE.sync_scope(here.clone(), || future.into_future());
        let future = GATE.scope(Arc::clone(&gate), PLACE.scope(here, future));
        Self {
            gate,
            scope,
            future: Box::pin(async move {
                let _inside = inside;
                future.await
            }),
        }
    }

    /// What waits in it knows when it has to be over.
    pub(super) fn is_limited_by(&self, deadline: Deadline) -> Arc<Deadline> {
        Arc::clone(self.gate.deadline.get_or_init(|| Arc::new(deadline)))
    }

    pub(super) fn first(&self) -> Option<String> {
        lock(&self.gate.first).clone()
    }

    /// The output, as far as it is recorded; nothing when the branch comes to what is not.
    pub(super) async fn recorded(&mut self) -> Option<T> {
        self.gate.open();
        let gate = Arc::clone(&self.gate);
        tokio::select! {
            biased;
            output = self.future.as_mut() => Some(output),
            () = gate.live() => None,
        }
    }

    /// What is recorded of the branch will not be asked for.
    pub(super) fn is_not_awaited(&self, place: &Place) {
        if let Some(journal) = place.run.journal() {
            let steps = journal.left_in(self.scope.path());
            let ends = steps.filter_map(|step| Some((step.completed_at?, step.id)));
            place.run.tree.returns.without(ends);
        }
    }

    /// Gives the branch up. What it had come to before is counted as it was then.
    pub(super) fn lose(self, place: &Place) {
        if let Some(journal) = place.run.journal() {
            for step in journal.left_in(self.scope.path()) {
                place.run.recalled(spent(step), Counted::Aside);
            }
        }
    }
}

/// The first of several futures to come to its end: its place and its output. The others are dropped.
///
/// The outcome is recorded: on a replay the same one is first, and nothing is asked of the others. A race is known by the
/// steps that its futures call first: let each begin with one.
///
/// # Errors
/// When there is no run around the call, no future, or the outcome cannot be recorded.
#[track_caller]
pub fn race<I, T>(futures: I) -> impl Future<Output = Result<(usize, T), Error>>
where
    I: IntoIterator<Item: IntoFuture<Output = T, IntoFuture: Send>>,
{
    let place = Place::current("race");
    async move { raced(place?, futures).await }
}

async fn raced<I, T>(place: Place, futures: I) -> Result<(usize, T), Error>
where
    I: IntoIterator<Item: IntoFuture<Output = T, IntoFuture: Send>>,
{
    let mut branches: Vec<_> = futures
        .into_iter()
        .map(|future| Branch::new("race", &place, future))
        .collect();
    for (index, branch) in branches.iter_mut().enumerate() {
        if let Poll::Ready(output) = poll!(branch.future.as_mut()) {
            // It waited for nothing: so it will on a replay.
            return Ok((index, output));
        }
    }
    if branches.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "`race` was given no future: nothing can be first",
        ));
    }
    let firsts: Vec<_> = branches.iter().map(Branch::first).collect();
    let choice = Choice::new("flow_engine::race", &firsts, None);
    let called = Called::now();
    let (miss, superseded) = match choice.recall::<usize>(&place).await {
        Ok(Recalled { end, turn }) => {
            let outcome = end?.output;
            let first: usize = outcome.output.into_inner();
            if first >= branches.len() {
                let message = "the recorded outcome of a `race` names a branch that is not there";
                return Err(Error::new(ErrorKind::Store, message));
            }
            let others = branches.iter().enumerate();
            for (_, branch) in others.filter(|(index, _)| *index != first) {
                branch.is_not_awaited(&place);
            }
            if let Some(output) = branches[first].recorded().await {
                branches.swap_remove(first);
                for branch in branches {
                    branch.lose(&place);
                }
                choice.returned(&place, &turn).await;
                return Ok((first, output));
            }
            // The first one failed and runs again, or was edited: which is first is open again.
            (Miss::first_time(), Some(outcome.id))
        }
        Err(miss) => (miss, None),
    };
    let record = choice.begin(&place, &miss, superseded, called)?;
    for branch in &branches {
        branch.gate.open();
    }
    let (output, first, others) =
        select_all(branches.into_iter().map(|branch| branch.future)).await;
    drop(others);
    choice.record(&place, &record, Ok(first), None).await?;
    Ok((first, output))
}

/// A choice as a recorded step.
pub(super) struct Choice {
    name: &'static str,
    /// A branch makes no call before it waits for something else: then only the place tells one choice from another.
    is_vague: bool,
    pub(super) inputs: Map<String, Value>,
}

impl Choice {
    /// A choice between branches that ask for these first, with what else it is made by.
    pub(super) fn new(
        name: &'static str,
        firsts: &[Option<String>],
        limit_ms: Option<u64>,
    ) -> Self {
        let mut inputs = Map::new();
        inputs.insert("branches".to_owned(), json!(firsts));
        if let Some(limit_ms) = limit_ms {
            inputs.insert("limit_ms".to_owned(), limit_ms.into());
        }
        Self {
            name,
            is_vague: firsts.iter().any(Option::is_none),
            inputs,
        }
    }

    fn entry(&self) -> Entry<'_> {
        let mut entry = Entry::aside(self.name, 1, &self.inputs);
        entry.exactly = self.is_vague;
        entry
    }

    /// The recorded outcome, or why there is none.
    pub(super) async fn recall<T: OutputType>(&self, place: &Place) -> Result<Recalled, Miss> {
        let entry = self.entry();
        pass_gate(entry.identity).await;
        recall(place, &entry, None, &output::<T>().erased()).await
    }

    /// Begins to find out. An outcome that no longer holds leaves the journal.
    pub(super) fn begin(
        &self,
        place: &Place,
        miss: &Miss,
        superseded: Option<Uuid>,
        called: Called,
    ) -> Result<StepRecord, Error> {
        goes_live();
        if let Some(id) = superseded {
            let retire = StepRetire { id };
            // Not awaited: the row of the new one comes after it in the same queue.
            let _commit = place.run.submit_while_open(|_| vec![retire.into()])?;
        }
        StepRecord::start(place, &self.entry(), miss, called)
    }

    /// What is called next comes after this choice.
    pub(super) async fn returned(&self, place: &Place, turn: &Turn) {
        turn.comes().await;
        if let Some(identity) = self.entry().identity {
            place.scope.returned(identity.key.to_string());
        }
    }

    pub(super) async fn record<T: OutputType>(
        &self,
        place: &Place,
        record: &StepRecord,
        outcome: Result<T, &Error>,
        with: Option<Write>,
    ) -> Result<(), Error> {
        let _work = place.run.tree.waits.work();
        let (commit, _, turn) = match outcome {
            Ok(outcome) => {
                let json = output::<T>().erased().record(&Erased::new(outcome))?.json;
                record.finish_with(StepStatus::Completed, Some(json), None, with)
            }
            Err(error) => record.finish_with(StepStatus::Failed, None, Some(error), with),
        };
        commit.await?;
        self.returned(place, &turn).await;
        Ok(())
    }
}
