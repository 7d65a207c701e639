//! A dry run: the flow is executed on what its journal holds, and what is not there is noted in place of being run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_engine_db::JournalStep;
use serde_json::{Map, Value};
use tokio::sync::watch;
use uuid::Uuid;

use super::journal::{Miss, MissReason, Row};
use crate::error::{Error, ErrorKind};
use crate::lock::lock;

/// How long nothing may be asked of the journal until a flow counts as waiting for what would have to run.
const QUIET: Duration = Duration::from_millis(100);

/// What a dry run has met so far.
#[derive(Debug)]
pub(crate) struct Plan {
    met: Mutex<Met>,
    asked: AtomicUsize,
    over: watch::Sender<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) hits: Vec<Hit>,
    pub(crate) misses: Vec<Missed>,
    /// The signals that it waits for.
    pub(crate) waits: Vec<String>,
}

impl Met {
    /// Whether what depends on it cannot be known.
    fn is_held_up(&self) -> bool {
        !self.misses.is_empty() || !self.waits.is_empty()
    }
}

/// A recorded step that is taken again.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) step_run_id: Uuid,
    pub(crate) step_name: String,
    pub(crate) note: Option<&'static str>,
}

/// A step that would have to run.
#[derive(Debug)]
pub(crate) struct Missed {
    /// The how many-th call it is.
    order: usize,
    pub(crate) step_name: &'static str,
    pub(crate) reason: MissReason,
    pub(crate) compared_with: Option<Arc<Row>>,
    pub(crate) inputs: Map<String, Value>,
    /// The body of the request that it would send, if it asks a model.
    pub(crate) request: Option<Value>,
}

impl Plan {
    pub(crate) fn new() -> Self {
        Self {
            met: Mutex::default(),
            asked: AtomicUsize::new(0),
            over: watch::Sender::new(false),
        }
    }

    pub(super) fn hit(&self, step: &JournalStep, note: Option<&'static str>) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        lock(&self.met).hits.push(Hit {
            step_run_id: step.id,
            step_name: step.step_name.clone(),
            note,
        });
    }

    /// The number of a call: what becomes of it is known later, and in another order.
    pub(super) fn called(&self) -> usize {
        self.asked.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes a step that would have to run, and comes back with an error when the dry run is over: what depends on the step
    /// cannot be known, and what was spawned must come to an end.
    pub(super) async fn missed(
        &self,
        order: usize,
        step_name: &'static str,
        miss: Miss,
        inputs: &Map<String, Value>,
        request: Option<&Value>,
    ) -> Error {
        self.asked.fetch_add(1, Ordering::Relaxed);
        lock(&self.met).misses.push(Missed {
            order,
            step_name,
            reason: miss.reason,
            compared_with: miss.compared_with,
            inputs: inputs.clone(),
            request: request.cloned(),
        });
        self.is_over().await
    }

    /// Notes a signal that nobody has told, and comes back as [`missed`](Self::missed) does.
    pub(super) async fn waits(&self, signal: &str) -> Error {
        self.asked.fetch_add(1, Ordering::Relaxed);
        lock(&self.met).waits.push(signal.to_owned());
        self.is_over().await
    }

    async fn is_over(&self) -> Error {
        // The sender is in the plan, so it is there.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
        Error::new(ErrorKind::OutsideRun, "the dry run is over")
    }

    /// Resolves when something would have to run, or to be told, and nothing else has gone on for a while.
    pub(crate) async fn is_stuck(&self) {
        let mut before = None;
        loop {
            tokio::time::sleep(QUIET).await;
            let asked = self.asked.load(Ordering::Relaxed);
            if before == Some(asked) && lock(&self.met).is_held_up() {
                return;
            }
            before = Some(asked);
        }
    }

    /// Ends the dry run: what it has met.
    pub(crate) fn end(&self) -> Met {
        self.over.send_replace(true);
        let mut met = std::mem::take(&mut *lock(&self.met));
        met.misses.sort_by_key(|missed| missed.order);
        met
    }
}
