//! The life of a run: from its first row to its last write.

mod record;

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use flow_engine_db::{Commit, RunStatus};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use record::RunRecord;

use super::context::{PLACE, Place};
use super::scope::Inside;
use super::waits::Waits;
use super::{Done, Metadata, Run};
use crate::call::{AnyCall, checked_inputs};
use crate::error::{Error, ErrorKind};
use crate::identity::Hash;
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
        is_in_step: place.is_in_step,
        effect: place.effect,
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
        // It was deleted meanwhile, or another one has its key: nothing can be recorded of it.
        run.tree.not_opened(&error);
        run.abandon();
        return Err(Error::from(error).in_flow(run.definition.name(), run.id));
    }
    if run.parent.is_none() {
        run.announce_start();
    }
    let _inside = Inside::new(run.journal().cloned(), Arc::clone(&place.scope));
    let content = PLACE.scope(place, AssertUnwindSafe(content).catch_unwind());
    let mut content = Guarded {
        _first: SetOnDrop(Arc::clone(&run)),
        content: content.boxed(),
        waits: run.parent.is_none().then(|| Arc::clone(&run.tree.waits)),
    };
    let outcome = tokio::select! {
        biased;
        begun = record.lost() => {
            // Before what is below is dropped: none of that is written any more.
            run.abandon();
            drop(content);
            run.tree.abort_tasks();
            return Err(match begun {
                Ok(()) => run.lost().await,
                Err(error) => Error::from(error).in_flow(run.definition.name(), run.id),
            });
        }
        parking = run.stops(), if run.parent.is_none() => {
            let (commit, error) = run.parked(&parking, record.elapsed_ms());
            drop(content);
            run.tree.abort_tasks();
            return Err(parked(&run, commit, error).await);
        }
        outcome = &mut content => outcome,
    };
    drop(content);
    if run.parent.is_none()
        && let Some(parking) = run.doubt()
    {
        // What the flow gives counts when that is decided: it is executed again then.
        let (commit, error) = run.parked(&parking, record.elapsed_ms());
        return Err(parked(&run, commit, error).await);
    }
    let _work = run.tree.waits.work();
    let outcome = outcome
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
        .map_err(|error| run.told(error.in_flow(run.definition.name(), run.id)));
    match outcome {
        Ok(Recorded { json, output }) => {
            let (commit, metadata, turn) = record.finish(RunStatus::Completed, Some(json), None);
            let in_flight = turn.in_flight();
            if let Err(error) = run.committed(commit).await {
                return Err(match error.kind() {
                    ErrorKind::LeaseLost => run.lost().await,
                    _ => error.in_flow(run.definition.name(), run.id),
                });
            }
            drop(in_flight);
            if run.parent.is_some() {
                turn.comes().await;
            }
            Ok((output, metadata))
        }
        Err(error) => {
            let (commit, _, turn) = record.finish(RunStatus::Failed, None, Some(error.line()));
            if let Err(unrecorded) = run.committed(commit).await {
                if unrecorded.kind() == ErrorKind::LeaseLost {
                    return Err(run.lost().await);
                }
                // The caller must hear why the run failed; that the database did too is in the log.
                tracing::error!(run = %run.id, error = format!("{unrecorded:#}"), "the failure of a run could not be recorded");
            }
            if run.parent.is_some() {
                turn.comes().await;
            }
            Err(error)
        }
    }
}

/// What the caller of a run hears that has stopped before its end.
async fn parked(run: &Run, commit: Commit, error: Error) -> Error {
    match run.committed(commit).await {
        Ok(()) => {
            // One that was asked to pause does not wait: its row says so.
            if error.kind() != ErrorKind::InDoubt {
                run.services.announce_row(run.id).await;
            }
            error
        }
        Err(error) if error.kind() == ErrorKind::LeaseLost => run.lost().await,
        Err(error) => error.in_flow(run.definition.name(), run.id),
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
    /// Of a root run: told when it is polled.
    waits: Option<Arc<Waits>>,
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
        if let Some(waits) = &self.waits {
            waits.polled();
        }
        self.content.as_mut().poll(cx)
    }
}
