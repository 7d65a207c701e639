//! The life of a run: from its first row to its last write.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use chrono::Utc;
use flow_engine_db::{Commit, FlowRun, NamedArtifact, NewRun, RunFinish, RunStatus, Write};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::context::{PLACE, Place};
use super::leases::Holding;
use super::returns::Turn;
use super::scope::Inside;
use super::{Claim, Done, Metadata, Run};
use crate::call::{AnyCall, checked_inputs};
use crate::error::{Error, ErrorKind};
use crate::identity::Hash;
use crate::inputs;
use crate::output::Recorded;

/// A flow as a root run.
pub(super) async fn flow_as_run(run: Arc<Run>, call: Box<dyn AnyCall>) -> Result<Done, Error> {
    let inputs = inputs_of(&*call, &run)?;
    flow_at(Place::root(run), call, inputs).await
}

/// A flow inside a flow: a run of its own below its parent, or the one that an earlier execution recorded.
pub(super) async fn flow_in_run(place: Place, call: Box<dyn AnyCall>) -> Result<Done, Error> {
    let inputs = inputs_of(&*call, &place.run)?;
    let definition = call.definition();
    let content = Hash::of_object("inputs", &inputs);
    let scope = place.scope.inner(definition.name(), Some(content));
    let run = Arc::new(Run::child(place.run, definition, &scope));
    let inside = Place {
        run,
        scope: Arc::clone(&scope),
        previous: None,
        step: None,
        deltas: None,
    };
    let end = flow_at(inside, call, inputs).await;
    place.scope.returned(scope.path());
    end
}

fn inputs_of(call: &dyn AnyCall, run: &Run) -> Result<Map<String, Value>, Error> {
    checked_inputs(call).map_err(|error| error.in_flow(call.definition().name(), run.id))
}

async fn flow_at(
    place: Place,
    call: Box<dyn AnyCall>,
    inputs: Map<String, Value>,
) -> Result<Done, Error> {
    let definition = call.definition();
    let (run_id, name) = (place.run.id, definition.name());
    let code = call
        .code(place.run.states())
        .map_err(|error| error.in_flow(name, run_id))?
        .unwrap_or_else(|| unreachable!("`#[flow]` asks for a body"));
    let content = async move {
        let output = code.await.map_err(Error::recorded)?;
        definition.output().record(&output)
    };
    let run = Arc::clone(&place.run);
    let inputs = run.shown(definition, &inputs);
    let (output, metadata) = live(place, &inputs, content.boxed()).await?;
    Ok(Done {
        run_id,
        id: run_id,
        name,
        output,
        metadata,
    })
}

/// Records a run around its content, which gives what comes of it with its recorded form.
pub(super) async fn live<T: 'static>(
    place: Place,
    inputs: &Map<String, Value>,
    content: BoxFuture<'static, Result<Recorded<T>, Error>>,
) -> Result<(T, Metadata), Error> {
    let run = Arc::clone(&place.run);
    let mut record = RunRecord::start(&place, inputs)?;
    if let Some(opened) = record.opened.take()
        && let Err(error) = opened.await
    {
        // It was deleted meanwhile: nothing can be recorded of it.
        run.abandon();
        return Err(Error::from(error).in_flow(run.definition.name(), run.id));
    }
    let _inside = Inside::new(run.journal().cloned(), Arc::clone(&place.scope));
    let content = PLACE.scope(place, AssertUnwindSafe(content).catch_unwind());
    let mut content = Guarded {
        _first: SetOnDrop(Arc::clone(&run)),
        content: content.boxed(),
    };
    let outcome = tokio::select! {
        biased;
        error = record.lost() => {
            // Before what is below is dropped: none of that is written any more.
            run.abandon();
            drop(content);
            return Err(error);
        }
        outcome = &mut content => outcome,
    };
    drop(content);
    let outcome = outcome
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
        .map_err(|error| run.told(error.in_flow(run.definition.name(), run.id)));
    match outcome {
        Ok(Recorded { json, output }) => {
            let (commit, metadata, turn) = record.finish(RunStatus::Completed, Some(json), None);
            let in_flight = turn.in_flight();
            run.committed(commit)
                .await
                .map_err(|error| error.in_flow(run.definition.name(), run.id))?;
            drop(in_flight);
            if run.parent.is_some() {
                turn.comes().await;
            }
            Ok((output, metadata))
        }
        Err(error) => {
            let (commit, _, turn) = record.finish(RunStatus::Failed, None, Some(error.line()));
            if let Err(unrecorded) = run.committed(commit).await {
                // The caller must hear why the run failed; that the database did too is in the log.
                tracing::error!(run = %run.id, error = %unrecorded, "the failure of a run could not be recorded");
            }
            if run.parent.is_some() {
                turn.comes().await;
            }
            Err(error)
        }
    }
}

/// What a panic said, as the failure that is recorded.
pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Error {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it did not say why".to_owned());
    Error::new(ErrorKind::Panicked, format!("panicked: {message}"))
}

/// A run's content, before which a flag is dropped: what ends below then knows that all of it ends.
struct Guarded<T> {
    // Fields are dropped in this order.
    _first: SetOnDrop,
    content: BoxFuture<'static, T>,
}

struct SetOnDrop(Arc<Run>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.dropping.store(true, Ordering::Release);
    }
}

impl<T> Future for Guarded<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.content.as_mut().poll(cx)
    }
}

/// The row of a run that lives. Dropped before its end, it writes an end.
struct RunRecord {
    run: Arc<Run>,
    started: Instant,
    /// The commit that opens the row of an earlier execution again.
    opened: Option<Commit>,
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
    fn start(place: &Place, inputs: &Map<String, Value>) -> Result<Self, Error> {
        let run = Arc::clone(&place.run);
        let (definition, now) = (run.definition, Utc::now());
        let shared = run
            .journal()
            .and_then(|journal| journal.shared_run(place.scope.path()));
        let created_at = shared.as_ref().map_or(now, |run| run.created_at);
        let row = || -> Result<Write, Error> {
            Ok(NewRun {
                user_id: run.user_id,
                total_steps: definition.total_steps(),
                flow_metadata: run.metadata.as_ref().map(ToString::to_string),
                root_run_id: run.root_id,
                parent_run_id: run.parent.as_ref().map(|parent| parent.id),
                flow_version: definition.version(),
                created_at,
                started_at: Some(created_at),
                scope: place.scope.stored(),
                lease: run.parent.is_none().then_some(run.services.leases.term()),
                ..NewRun::new(run.id, definition.name(), inputs::text(inputs)?)
            }
            .into())
        };
        let (mut opened, mut begun) = (None, None);
        match (&run.parent, &run.earlier) {
            (None, Some(_)) => opened = Some(run.submit(run.tree.opening())),
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
                let rows = std::iter::once(row()?).chain(fork).chain(kept).collect();
                begun = Some(run.submit(rows));
            }
        }
        let (mut claim, mut holding) = (None, None);
        if run.parent.is_none() {
            claim = run.tree.take_claim();
            let held = run.tree.take_holding();
            holding = held.or_else(|| (!run.is_planned()).then(|| run.held()));
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

    /// Waits until nothing can be recorded of the run, since its row could not be written, or another process has it.
    async fn lost(&mut self) -> Error {
        if let Some(begun) = &mut self.begun {
            let begun = begun.await;
            self.begun = None;
            if let Err(error) = begun {
                return Error::from(error).in_flow(self.run.definition.name(), self.run.id);
            }
        }
        match &mut self.holding {
            Some(holding) => holding.lost().await,
            None => std::future::pending().await,
        }
        self.run.lost()
    }

    fn finish(
        &self,
        status: RunStatus,
        outputs: Option<String>,
        error_message: Option<String>,
    ) -> (Commit, Metadata, Turn) {
        let returns = &self.run.tree.returns;
        let mut turn = None;
        let earlier = self.run.earlier.as_ref();
        let before = earlier.and_then(|run| u64::try_from(run.execution_time_ms?).ok());
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut execution_time_ms = elapsed.saturating_add(before.unwrap_or(0));
        let (commit, spent) =
            self.run
                .finish(status == RunStatus::Completed, |progress, dormant| {
                    let as_before = earlier.is_some_and(|run| {
                        ends_as(run, status, outputs.as_deref(), error_message.as_deref())
                    });
                    if dormant && as_before {
                        execution_time_ms = before.unwrap_or(elapsed);
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
        if self.run.is_over() {
            return;
        }
        // No flow drops a root.
        let status = if self.run.parent.is_none() || self.run.is_root_dropping() {
            RunStatus::Interrupted
        } else {
            RunStatus::Cancelled
        };
        let message = match status {
            RunStatus::Interrupted => "the caller dropped the run before its end",
            _ => "the flow around it dropped it before its end",
        };
        let (_commit, ..) = self.finish(status, None, Some(message.to_owned()));
    }
}
