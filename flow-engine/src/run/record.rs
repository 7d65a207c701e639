//! The row of a step while it runs, from its start to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use flow_engine_db::{Commit, NewStep, StepFinish, StepStatus, Write};
use serde_json::{Value, json};
use uuid::Uuid;

use super::context::Place;
use super::entry::Entry;
use super::journal::Miss;
use super::kept::{policy, repaired, who_answered};
use super::once::InEffect;
use super::progress::{Counted, Spent};
use super::returns::Turn;
use super::stream::Deltas;
use super::{Done, Metadata, Run};
use crate::error::Error;
use crate::inputs;
use crate::lock::lock;
use crate::output::Erased;
use crate::step::Repair;

/// When a call was made. Of several at the same time that are not recorded, each may wait for the others to ask; their rows
/// keep the order of the calls, by which a later replay tells equal ones apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Called {
    id: Uuid,
    at: DateTime<Utc>,
}

impl Called {
    pub(super) fn now() -> Self {
        Self {
            id: Uuid::now_v7(),
            at: Utc::now(),
        }
    }
}

/// The row of a step that runs. Dropped before its end, it writes an end.
pub(super) struct StepRecord {
    pub(super) run: Arc<Run>,
    pub(super) id: Uuid,
    pub(super) deltas: Option<Deltas>,
    started: Instant,
    counted: Counted,
    asked: Mutex<Asked>,
    finished: AtomicBool,
    /// Set when an effect begins that must not repeat.
    pub(super) effect: OnceLock<Arc<InEffect>>,
}

/// What the requests of a step came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// How many requests there were.
    pub(super) attempts: i32,
    pub(super) spent: Spent,
    pub(super) last_request: Option<Uuid>,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    /// The model that was asked, whichever answered.
    pub(super) requested: Option<String>,
    /// What was to be done when a request failed.
    pub(super) policy: Option<Value>,
    /// Of the answer that became the output.
    pub(super) repairs: Vec<Repair>,
}

impl StepRecord {
    pub(super) fn start(
        place: &Place,
        entry: &Entry<'_>,
        miss: &Miss,
        called: Called,
    ) -> Result<Self, Error> {
        // Not awaited: its end, which is, comes after it in the same queue.
        let (record, _commit) = Self::announced(place, entry, miss, called)?;
        Ok(record)
    }

    /// The same, with the commit of its start, for what must not begin before that.
    pub(super) fn announced(
        place: &Place,
        entry: &Entry<'_>,
        miss: &Miss,
        Called { id, at }: Called,
    ) -> Result<(Self, Commit), Error> {
        let run = Arc::clone(&place.run);
        let inputs = inputs::text(entry.inputs)?;
        for run in run.and_ancestors() {
            run.executes.store(true, Ordering::Release);
        }
        let commit = run.opened(id, entry.name, |order| {
            *order += 1;
            NewStep {
                created_at: at,
                miss_reason: Some(miss.reason.to_string()),
                compared_with: miss.compared_with.as_ref().map(|row| row.step.id),
                ..entry.row(id, place, *order, inputs)
            }
            .into()
        })?;
        let record = Self {
            run,
            id,
            deltas: place.deltas.clone(),
            started: Instant::now(),
            counted: entry.counted,
            asked: Mutex::default(),
            finished: AtomicBool::new(false),
            effect: OnceLock::new(),
        };
        Ok((record, commit))
    }

    /// What its requests came to so far.
    pub(super) fn asked<T>(&self, change: impl FnOnce(&mut Asked) -> T) -> T {
        change(&mut lock(&self.asked))
    }

    /// Since the step began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn metadata(&self) -> Metadata {
        let asked = self.asked(|asked| asked.clone());
        Metadata {
            tokens_used: asked.spent.tokens,
            cost_estimate: asked.spent.cost_usd(),
            execution_time_ms: u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX),
            provider: asked.provider,
            model: asked.model,
        }
    }

    pub(super) fn finish(
        &self,
        status: StepStatus,
        outputs: Option<String>,
        error: Option<&Error>,
    ) -> (Commit, Metadata, Turn) {
        self.finish_with(status, outputs, error, None)
    }

    /// What its caller gets once its end is written.
    pub(super) fn done(&self, entry: &Entry<'_>, output: Erased, metadata: Metadata) -> Done {
        Done {
            run_id: self.run.id,
            id: self.id,
            name: entry.name,
            output,
            metadata,
        }
    }

    /// Ends it, together with what else is written then.
    pub(super) fn finish_with(
        &self,
        status: StepStatus,
        outputs: Option<String>,
        error: Option<&Error>,
        with: Option<Write>,
    ) -> (Commit, Metadata, Turn) {
        self.finished.store(true, Ordering::Release);
        let metadata = self.metadata();
        let asked = self.asked(|asked| asked.clone());
        let mut step_metadata = who_answered(
            metadata.provider.as_deref(),
            metadata.model.as_deref(),
            asked.requested.as_deref(),
        );
        step_metadata.extend(repaired(&asked.repairs));
        step_metadata.extend(policy(asked.policy));
        if let Some(error) = error {
            step_metadata.insert("error".to_owned(), json!(error.record()));
        }
        let row = StepFinish {
            execution_time_ms: i64::try_from(metadata.execution_time_ms).ok(),
            outputs,
            step_metadata: (!step_metadata.is_empty())
                .then(|| Value::from(step_metadata).to_string()),
            tokens_used: i64::try_from(asked.spent.tokens).unwrap_or(i64::MAX),
            cost_estimate: metadata.cost_estimate,
            llm_request_id: asked.last_request,
            error_message: error.map(Error::cause_line),
            ..StepFinish::new(self.id, status)
        };
        let (commit, turn) = self
            .run
            .closed(self.id, asked.spent, self.counted, row, with);
        (commit, metadata, turn)
    }
}

impl Drop for StepRecord {
    fn drop(&mut self) {
        // A run that has ended has closed the rows of what it left behind.
        if !self.finished.load(Ordering::Acquire) && !self.run.is_over() {
            if self.effect.get().is_some() {
                let _ = self.finish(StepStatus::InDoubt, None, None);
                self.run.stop_in_doubt();
            } else {
                let _ = self.finish(StepStatus::Cancelled, None, None);
            }
        }
    }
}
