//! Whether a future was in time: a recorded choice.

use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine_db::{StepRetire, StepStatus, Write};
use futures::poll;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::choice::{Branch, Choice};
use super::context::Place;
use super::entry::Entry;
use super::journal::Miss;
use super::recall::{Recalled, find};
use super::record::{Called, StepRecord};
use super::wait::until_time;
use super::waits::{Awaited, Guard};
use crate::error::{Error, ErrorKind};
use crate::identity::Hash;
use crate::lock::lock;
use crate::output::{Erased, output};

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
    // Whatever is recorded of the choice: equal ones are told apart by their order. Nothing is asked for it yet: the choice may be
    // what another one is known by.
    let deadline = Deadline::new(&place, &choice, limit);
    let (miss, superseded, deadline) = match choice.recall::<()>(&place).await {
        Ok(Recalled {
            end: Ok(in_time),
            turn,
        }) => {
            let deadline = branch.is_limited_by(deadline);
            if let Some(output) = branch.recorded().await {
                choice.returned(&place, &turn).await;
                return Ok(output);
            }
            (Miss::first_time(), Some(in_time.output.id), deadline)
        }
        Ok(Recalled {
            end: Err(elapsed),
            turn,
        }) => {
            branch.is_not_awaited(&place);
            branch.lose(&place);
            choice.returned(&place, &turn).await;
            return Err(elapsed);
        }
        Err(miss) => {
            let deadline = deadline.or_recorded().await;
            (miss, None, branch.is_limited_by(deadline))
        }
    };
    branch.gate.open();
    if place.run.is_planned() {
        // In a dry run nothing takes its time.
        return Ok(branch.future.as_mut().await);
    }
    let record = choice.begin(&place, &miss, superseded, called)?;
    let end = tokio::select! {
        biased;
        output = branch.future => Ok(output),
        () = deadline.over(limit) => {
            let message = format!("it took longer than {limit:?}");
            Err(Error::new(ErrorKind::TimedOut, message))
        }
    };
    // A failure like others: met again after an interruption, and open again when a failed run is resumed. Then it has all its
    // time again.
    let retired = deadline.retired().filter(|_| end.is_err());
    choice
        .record(&place, &record, end.as_ref().map(|_| ()), retired)
        .await?;
    end
}

/// When a timeout is over.
///
/// It counts while its run is executed. Once something inside of it waits durably, it counts by the calendar, also while the
/// program does not run: then the time of its end is recorded.
#[derive(Debug)]
pub(super) struct Deadline {
    place: Place,
    inputs: Map<String, Value>,
    until: DateTime<Utc>,
    kept: Mutex<Option<Kept>>,
}

/// That a deadline is recorded.
#[derive(Debug)]
struct Kept {
    step_run_id: Uuid,
    /// It wakes the run.
    _wakes: Guard,
}

impl Deadline {
    const NAME: &str = "flow_engine::deadline";

    /// So long from now.
    fn new(place: &Place, choice: &Choice, limit: Duration) -> Self {
        // A scope of its own: no other call looks for it, and none comes after it.
        let content = Hash::of_object("inputs", &choice.inputs);
        let place = Place {
            scope: place.scope.inner(Self::NAME, Some(content)),
            previous: None,
            ..place.clone()
        };
        let ahead = TimeDelta::from_std(limit).ok();
        let until = ahead.and_then(|ahead| Utc::now().checked_add_signed(ahead));
        Self {
            until: until.unwrap_or(DateTime::<Utc>::MAX_UTC),
            inputs: choice.inputs.clone(),
            kept: Mutex::default(),
            place,
        }
    }

    /// As it is recorded, if it is.
    async fn or_recorded(mut self) -> Self {
        let entry = Entry::aside(Self::NAME, 1, &self.inputs);
        let output = output::<DateTime<Utc>>().erased();
        let recorded = find(&self.place, &entry, None, &output).await.ok();
        if let Some(Ok(recorded)) = recorded.map(|recorded| recorded.end) {
            let step_run_id = recorded.output.id;
            self.until = recorded.output.output.into_inner();
            self.keep_as(&mut lock(&self.kept), step_run_id);
        }
        self
    }

    fn keep_as(&self, kept: &mut Option<Kept>, step_run_id: Uuid) {
        let waits = &self.place.run.tree.waits;
        *kept = Some(Kept {
            step_run_id,
            _wakes: waits.wait(Awaited::Limit(self.until)),
        });
    }

    /// What takes it out of the journal, if it is recorded.
    fn retired(&self) -> Option<Write> {
        let id = lock(&self.kept).as_ref()?.step_run_id;
        Some(StepRetire { id }.into())
    }

    /// The time, if it is recorded.
    pub(super) fn kept(&self) -> Option<DateTime<Utc>> {
        lock(&self.kept).as_ref().map(|_| self.until)
    }

    /// Records it. What is written after it is on disk after it.
    pub(super) fn keep(&self) -> Result<(), Error> {
        let mut kept = lock(&self.kept);
        if kept.is_some() {
            return Ok(());
        }
        let entry = Entry::aside(Self::NAME, 1, &self.inputs);
        let record = StepRecord::start(&self.place, &entry, &Miss::first_time(), Called::now())?;
        let until = output::<DateTime<Utc>>().erased();
        let until = until.record(&Erased::new(self.until))?.json;
        let _not_awaited = record.finish(StepStatus::Completed, Some(until), None);
        self.keep_as(&mut kept, record.id);
        Ok(())
    }

    /// Waits until it is over.
    async fn over(&self, limit: Duration) {
        // Its own clock as long as it may: the calendar's can be set.
        match self.kept() {
            Some(until) => until_time(&self.place, until).await,
            None => tokio::time::sleep(limit).await,
        }
    }
}
