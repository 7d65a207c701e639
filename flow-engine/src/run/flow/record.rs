//! The row of a run while it lives.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use chrono::Utc;
use flow_engine_db::{
    Commit, FlowRun, NamedArtifact, NewRun, RunFinish, RunStatus, StoreError, Write,
};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::inputs;
use crate::run::context::Place;
use crate::run::leases::Holding;
use crate::run::returns::Turn;
use crate::run::{Claim, Metadata, Run};

/// Says when it is dropped that a root run is not executed any more.
struct Over(Arc<Run>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.tree.effects.are_over();
    }
}

/// The row of a run that lives. Dropped before its end, it writes an end.
pub(super) struct RunRecord {
    run: Arc<Run>,
    started: Instant,
    /// What nothing is executed before: the row is opened again, or no other run has the key of a new one.
    pub(super) opened: Option<Commit>,
    /// The commit of a new root run, until it is known that it succeeded.
    begun: Option<Commit>,
    /// What it is in the run that this is a fork of: its times are kept, as those of steps are.
    shared: Option<FlowRun>,
    /// Given back when the last row is written, or queued.
    _claim: Option<Claim>,
    /// Of a root run. Renewed until then.
    holding: Option<Holding>,
}

impl RunRecord {
    pub(super) fn start(place: &Place, inputs: &Map<String, Value>) -> Result<Self, Error> {
        let run = Arc::clone(&place.run);
        let (definition, now) = (run.definition, Utc::now());
        let shared = run
            .journal()
            .and_then(|journal| journal.shared_run(place.scope.path()));
        let created_at = shared.as_ref().map_or(now, |run| run.created_at);
        let row = || -> Result<Write, Error> {
            let key = run.tree.key.as_ref().filter(|_| run.parent.is_none());
            Ok(NewRun {
                user_id: run.user_id,
                total_steps: definition.total_steps(),
                flow_metadata: run.metadata.as_ref().map(ToString::to_string),
                root_run_id: run.root_id,
                parent_run_id: run.parent.as_ref().map(|parent| parent.id),
                flow_version: definition.version(),
                created_at,
                started_at: Some(created_at),
                start_at: run.start_at.filter(|_| run.parent.is_none()),
                scope: place.scope.stored(),
                idempotency_key: key.map(|key| key.name.clone()),
                lease: run.parent.is_none().then_some(run.services.leases.term()),
                ..NewRun::new(run.id, definition.name(), inputs::text(inputs)?)
            }
            .into())
        };
        let (mut opened, mut begun) = (None, None);
        match (&run.parent, &run.earlier) {
            (None, Some(_)) => opened = Some(run.submit_untold(run.tree.opening())),
            (Some(parent), Some(_)) => parent.reentered(run.id, definition.name())?,
            // Not awaited before it goes on: a run that never reached the disk is a run that never started.
            (Some(parent), None) => {
                let row = row()?;
                let _commit = parent.opened(run.id, definition.name(), |_| row)?;
            }
            (None, None) => {
                let variation = &run.tree.variation;
                let fork = variation.row.clone().map(Write::from);
                let kept = variation.artifacts.iter().map(|artifact| {
                    let named = NamedArtifact {
                        root_run_id: run.id,
                        artifact: artifact.clone(),
                    };
                    named.into()
                });
                let effects = variation.effects.iter().cloned();
                let rows = std::iter::once(row()?).chain(fork).chain(kept);
                let commit = run.submit_untold(rows.chain(effects).collect());
                match run.tree.key {
                    Some(_) => opened = Some(commit),
                    None => begun = Some(commit),
                }
            }
        }
        let (mut claim, mut holding) = (None, None);
        if run.parent.is_none() {
            claim = run.tree.take_claim();
            let held = run.tree.take_holding();
            holding = held.or_else(|| (!run.is_planned()).then(|| run.held()));
            if let Some(holding) = &holding {
                run.tree.pause.hears(holding.pausing());
            }
        }
        Ok(Self {
            run,
            started: Instant::now(),
            opened,
            begun,
            shared,
            _claim: claim,
            holding,
        })
    }

    /// Waits until nothing can be recorded of the run: its row could not be written, which is an error, or it was taken away.
    pub(super) async fn lost(&mut self) -> Result<(), StoreError> {
        if let Some(begun) = &mut self.begun {
            let begun = begun.await;
            self.begun = None;
            begun?;
        }
        match &mut self.holding {
            Some(holding) => holding.lost().await,
            None => std::future::pending().await,
        }
        Ok(())
    }

    /// How long earlier executions took.
    fn before_ms(&self) -> Option<u64> {
        let earlier = self.run.earlier.as_ref()?;
        u64::try_from(earlier.execution_time_ms?).ok()
    }

    /// How long it was executed, earlier executions included.
    pub(super) fn elapsed_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        elapsed.saturating_add(self.before_ms().unwrap_or(0))
    }

    pub(super) fn finish(
        &self,
        status: RunStatus,
        outputs: Option<String>,
        error_message: Option<String>,
    ) -> (Commit, Metadata, Turn) {
        let returns = &self.run.tree.returns;
        let mut turn = None;
        let earlier = self.run.earlier.as_ref();
        let mut execution_time_ms = self.elapsed_ms();
        let (commit, spent) =
            self.run
                .finish(status == RunStatus::Completed, |progress, dormant| {
                    let as_before = earlier.is_some_and(|run| {
                        ends_as(run, status, outputs.as_deref(), error_message.as_deref())
                    });
                    if dormant && as_before {
                        if let Some(before) = self.before_ms() {
                            execution_time_ms = before;
                        }
                        let ended_at = earlier.and_then(|run| run.completed_at);
                        turn = ended_at.map(|at| returns.recorded(at, self.run.id));
                        return None;
                    }
                    let shared = self.shared.as_ref().filter(|_| earlier.is_none());
                    let ended = match shared.and_then(|run| Some((run.completed_at?, run.id))) {
                        Some((at, id)) if !self.run.executes.load(Ordering::Acquire) => {
                            returns.recorded(at, id)
                        }
                        _ => returns.ended(),
                    };
                    let end = RunFinish {
                        completed_at: turn.insert(ended).ended_at(),
                        execution_time_ms: i64::try_from(execution_time_ms).ok(),
                        outputs,
                        error_message,
                        ..RunFinish::new(self.run.id, status, progress)
                    };
                    Some(end.into())
                });
        let metadata = Metadata {
            tokens_used: spent.tokens,
            cost_estimate: spent.cost_usd(),
            execution_time_ms,
            provider: None,
            model: None,
        };
        (commit, metadata, turn.unwrap_or_else(|| returns.ended()))
    }
}

/// Whether an earlier execution has left the run in this state. What is dropped before anything new happened in it stays
/// as it was.
fn ends_as(
    earlier: &FlowRun,
    status: RunStatus,
    outputs: Option<&str>,
    error_message: Option<&str>,
) -> bool {
    if matches!(status, RunStatus::Interrupted | RunStatus::Cancelled) {
        return true;
    }
    let outputs: Option<Value> = outputs.and_then(|json| serde_json::from_str(json).ok());
    (
        earlier.status,
        &earlier.outputs,
        earlier.error_message.as_deref(),
    ) == (status, &outputs, error_message)
}

impl Drop for RunRecord {
    fn drop(&mut self) {
        let is_root = self.run.parent.is_none();
        let _over = is_root.then(|| Over(Arc::clone(&self.run)));
        if self.run.is_over() {
            return;
        }
        if is_root {
            self.run.tree.abort_tasks();
        }
        if is_root && let Some(parking) = self.run.doubt() {
            let (_commit, _) = self.run.parked(&parking, self.elapsed_ms());
            return;
        }
        // No flow drops a root.
        let status = if is_root || self.run.is_root_dropping() {
            RunStatus::Interrupted
        } else {
            RunStatus::Cancelled
        };
        let message = match status {
            RunStatus::Interrupted => {
                "it was dropped before its end: by its caller, or by a worker that stopped"
            }
            _ => "the flow around it dropped it before its end",
        };
        let (_commit, ..) = self.finish(status, None, Some(message.to_owned()));
    }
}
