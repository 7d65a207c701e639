//! Choices that time makes, and a replay must make again: which of several futures was first, and whether one was in time.
//!
//! A choice is a recorded step of its own, known by what its branches ask for first. So each branch is polled once, and its
//! first call waits at a [`Gate`]; then the journal is asked for the outcome, and only those branches go on that the
//! outcome lets go on. A branch that makes no call before it waits for something else is known by that.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use flow_engine_db::{StepRetire, StepStatus};
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
    /// The gate of the choice that this one is a part of.
    outer: Option<Arc<Gate>>,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            first: Mutex::default(),
            open: watch::Sender::new(false),
            is_live: watch::Sender::new(false),
            outer: GATE.try_with(Arc::clone).ok(),
        })
    }

    async fn live(&self) {
        // The sender is in the gate, so it is there.
        let _ = self.is_live.subscribe().wait_for(|live| *live).await;
    }

    fn open(&self) {
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
    let innermost = GATE.try_with(Arc::clone).ok();
    for gate in std::iter::successors(innermost, |gate| gate.outer.clone()) {
        gate.is_live.send_replace(true);
    }
}

/// A future whose first call waits.
struct Branch<'a, T> {
    gate: Arc<Gate>,
    scope: Arc<Scope>,
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
}

impl<'a, T> Branch<'a, T> {
    /// In a scope of its own: what a branch records before it is given up is not what comes after it asks for.
    fn new(
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

    fn first(&self) -> Option<String> {
        lock(&self.gate.first).clone()
    }

    /// The output, as far as it is recorded; nothing when the branch comes to what is not.
    async fn recorded(&mut self) -> Option<T> {
        self.gate.open();
        let gate = Arc::clone(&self.gate);
        tokio::select! {
            biased;
            output = self.future.as_mut() => Some(output),
            () = gate.live() => None,
        }
    }

    /// What is recorded of the branch will not be asked for.
    fn is_not_awaited(&self, place: &Place) {
        if let Some(journal) = place.run.journal() {
            let steps = journal.left_in(self.scope.path());
            let ends = steps.filter_map(|step| Some((step.completed_at?, step.id)));
            place.run.tree.returns.without(ends);
        }
    }

    /// Gives the branch up. What it had come to before is counted as it was then.
    fn lose(self, place: &Place) {
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
    choice.record(&place, &record, Ok(first)).await?;
    Ok((first, output))
}

/// The output of a future, if it comes in time; else the future is dropped.
///
/// The outcome is recorded: on a replay what was in time is waited for, and what was not is not asked for again, unless the
/// run has failed: then it is tried again, as other failures are. A timeout is known by its limit and the step that its
/// future calls first: let it begin with one.
///
/// # Errors
/// [`ErrorKind::TimedOut`] if it took longer; or when there is no run around the call, or the outcome cannot be recorded.
#[track_caller]
pub fn timeout<F>(limit: Duration, future: F) -> impl Future<Output = Result<F::Output, Error>>
where
    F: IntoFuture<IntoFuture: Send>,
{
    let place = Place::current("timeout");
    async move { in_time(place?, limit, future).await }
}

async fn in_time<F>(place: Place, limit: Duration, future: F) -> Result<F::Output, Error>
where
    F: IntoFuture<IntoFuture: Send>,
{
    let mut branch = Branch::new("timeout", &place, future);
    if let Poll::Ready(output) = poll!(branch.future.as_mut()) {
        return Ok(output);
    }
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let choice = Choice::new("flow_engine::timeout", &[branch.first()], Some(limit_ms));
    let called = Called::now();
    let (miss, superseded) = match choice.recall::<()>(&place).await {
        Ok(Recalled {
            end: Ok(in_time),
            turn,
        }) => match branch.recorded().await {
            Some(output) => {
                choice.returned(&place, &turn).await;
                return Ok(output);
            }
            None => (Miss::first_time(), Some(in_time.output.id)),
        },
        Ok(Recalled {
            end: Err(elapsed),
            turn,
        }) => {
            branch.is_not_awaited(&place);
            branch.lose(&place);
            choice.returned(&place, &turn).await;
            return Err(elapsed);
        }
        Err(miss) => (miss, None),
    };
    branch.gate.open();
    if place.run.is_planned() {
        // In a dry run nothing takes its time.
        return Ok(branch.future.as_mut().await);
    }
    let record = choice.begin(&place, &miss, superseded, called)?;
    let end = tokio::time::timeout(limit, branch.future)
        .await
        .map_err(|_| {
            Error::new(
                ErrorKind::TimedOut,
                format!("it took longer than {limit:?}"),
            )
        });
    // A failure like others: met again after an interruption, and open again when a failed run is resumed.
    choice
        .record(&place, &record, end.as_ref().map(|_| ()))
        .await?;
    end
}

/// A choice as a recorded step.
struct Choice {
    name: &'static str,
    /// A branch makes no call before it waits for something else: then only the place tells one choice from another.
    is_vague: bool,
    inputs: Map<String, Value>,
}

impl Choice {
    /// A choice between branches that ask for these first, with what else it is made by.
    fn new(name: &'static str, firsts: &[Option<String>], limit_ms: Option<u64>) -> Self {
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
    async fn recall<T: OutputType>(&self, place: &Place) -> Result<Recalled, Miss> {
        let entry = self.entry();
        pass_gate(entry.identity).await;
        recall(place, &entry, None, &output::<T>().erased()).await
    }

    /// Begins to find out. An outcome that no longer holds leaves the journal.
    fn begin(
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
    async fn returned(&self, place: &Place, turn: &Turn) {
        turn.comes().await;
        if let Some(identity) = self.entry().identity {
            place.scope.returned(identity.key.to_string());
        }
    }

    async fn record<T: OutputType>(
        &self,
        place: &Place,
        record: &StepRecord,
        outcome: Result<T, &Error>,
    ) -> Result<(), Error> {
        let (commit, _, turn) = match outcome {
            Ok(outcome) => {
                let json = output::<T>().erased().record(&Erased::new(outcome))?.json;
                record.finish(StepStatus::Completed, Some(json), None)
            }
            Err(error) => record.finish(StepStatus::Failed, None, Some(error)),
        };
        commit.await?;
        self.returned(place, &turn).await;
        Ok(())
    }
}
