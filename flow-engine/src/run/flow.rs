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
use flow_engine_db::{Commit, NewRun, RunFinish, RunStatus, Write};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::context::{PLACE, Place};
use super::{FlowResult, Metadata, Run};
use crate::call::Flow;
use crate::error::{Error, ErrorKind};
use crate::inputs;
use crate::output::Recorded;

/// A flow as a root run.
pub fn flow_as_run<F: Flow>(
    run: Arc<Run>,
    call: F,
) -> BoxFuture<'static, Result<FlowResult<F::Output>, Error>> {
    async move {
        let place = |error: Error| error.in_flow(F::definition().name(), run.id);
        let inputs = call.to_inputs().map_err(place)?;
        let body = call.body(run.states()).map_err(place)?;
        let content = async move { F::OUTPUT.record(&body.await.map_err(Error::recorded)?) };
        let (output_content, metadata) = live(Arc::clone(&run), &inputs, content.boxed()).await?;
        Ok(FlowResult {
            run_id: run.id,
            flow_name: F::definition().name(),
            output_content,
            metadata,
        })
    }
    .boxed()
}

/// A flow inside a flow: a run of its own below its parent.
pub fn flow_in_run<F: Flow>(
    place: Place,
    call: F,
) -> BoxFuture<'static, Result<FlowResult<F::Output>, Error>> {
    flow_as_run(Arc::new(Run::child(place.run, F::definition())), call)
}

/// Records a run around its content, which gives the output in recorded and in typed form.
pub(super) async fn live<T: 'static>(
    run: Arc<Run>,
    inputs: &Map<String, Value>,
    content: BoxFuture<'static, Result<Recorded<T>, Error>>,
) -> Result<(T, Metadata), Error> {
    let record = RunRecord::start(Arc::clone(&run), inputs)?;
    let place = Place {
        run: Arc::clone(&run),
        step: None,
    };
    let content = PLACE.scope(place, AssertUnwindSafe(content).catch_unwind());
    let outcome = Guarded {
        _first: SetOnDrop(Arc::clone(&run)),
        content: content.boxed(),
    }
    .await
    .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    .map_err(|error| error.in_flow(run.definition.name(), run.id));
    match outcome {
        Ok(Recorded { json, output }) => {
            let (commit, metadata) = record.finish(RunStatus::Completed, Some(json), None);
            commit
                .await
                .map_err(|error| Error::from(error).in_flow(run.definition.name(), run.id))?;
            Ok((output, metadata))
        }
        Err(error) => {
            let (commit, _) = record.finish(RunStatus::Failed, None, Some(error.line()));
            if let Err(unrecorded) = commit.await {
                // The caller must hear why the run failed; that the database did too is in the log.
                tracing::error!(run = %run.id, error = %unrecorded, "the failure of a run could not be recorded");
            }
            Err(error)
        }
    }
}

/// What a panic said, as the failure that is recorded.
pub(super) fn panicked(payload: &(dyn Any + Send)) -> Error {
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
}

impl RunRecord {
    fn start(run: Arc<Run>, inputs: &Map<String, Value>) -> Result<Self, Error> {
        let definition = run.definition;
        let now = Utc::now();
        let row: Write = NewRun {
            user_id: run.user_id,
            total_steps: definition.total_steps(),
            flow_metadata: run.metadata.as_ref().map(ToString::to_string),
            root_run_id: run.root_id,
            parent_run_id: run.parent.as_ref().map(|parent| parent.id),
            flow_version: definition.version(),
            created_at: now,
            started_at: Some(now),
            ..NewRun::new(run.id, definition.name(), inputs::text(inputs)?)
        }
        .into();
        // Not awaited: a run that never reached the disk is a run that never started.
        let _commit = match &run.parent {
            Some(parent) => parent.opened(run.id, definition.name(), |_| row)?,
            None => run.services.store.submit(vec![row]),
        };
        Ok(Self {
            run,
            started: Instant::now(),
        })
    }

    fn finish(
        &self,
        status: RunStatus,
        outputs: Option<String>,
        error_message: Option<String>,
    ) -> (Commit, Metadata) {
        let elapsed = self.started.elapsed().as_millis();
        let (commit, spent) = self.run.finish(status == RunStatus::Completed, |progress| {
            let execution_time_ms = i64::try_from(elapsed).ok();
            RunFinish {
                execution_time_ms,
                outputs,
                error_message,
                ..RunFinish::new(self.run.id, status, progress)
            }
            .into()
        });
        let metadata = Metadata {
            tokens_used: spent.tokens,
            cost_estimate: spent.cost_usd(),
            execution_time_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
            provider: None,
            model: None,
        };
        (commit, metadata)
    }
}

impl Drop for RunRecord {
    fn drop(&mut self) {
        if self.run.is_finished() {
            return;
        }
        let status = if self.run.is_root_dropping() {
            RunStatus::Interrupted
        } else {
            RunStatus::Cancelled
        };
        let message = match status {
            RunStatus::Interrupted => "the caller dropped the run before its end",
            _ => "the flow around it dropped it before its end",
        };
        let (_commit, _) = self.finish(status, None, Some(message.to_owned()));
    }
}
