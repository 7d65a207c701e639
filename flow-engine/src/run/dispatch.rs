//! How a call is run: by what it is, and as a part of a run or as all of one.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

use super::context::Place;
use super::flow::{flow_as_run, flow_in_run};
use super::step::{step_as_run, step_in_run};
use super::{Done, FlowResult, Run};
use crate::call::{AnyCall, Executed, checked_inputs};
use crate::error::Error;

/// Runs a call as a part of a run, from where it was awaited.
pub(crate) fn in_run(
    place: Place,
    call: Box<dyn AnyCall>,
) -> BoxFuture<'static, Result<Done, Error>> {
    if call.definition().is_flow() {
        flow_in_run(place, call).boxed()
    } else {
        step_in_run(place, call).boxed()
    }
}

/// Whether the inputs of a call hold: what `as_run` asks first, for who has to do something before that.
pub(crate) fn check_inputs(call: &dyn AnyCall, run_id: Uuid) -> Result<(), Error> {
    let definition = call.definition();
    checked_inputs(call).map(drop).map_err(|error| {
        let error = if definition.is_flow() {
            error
        } else {
            error.in_step(definition.name())
        };
        error.in_flow(definition.name(), run_id)
    })
}

/// Runs a call as all of a new root run.
pub(crate) fn as_run(
    run: Arc<Run>,
    call: Box<dyn AnyCall>,
) -> BoxFuture<'static, Result<Done, Error>> {
    async move {
        let (watched, run_id) = (Arc::clone(&run.services.watched), run.id);
        let end = if call.definition().is_flow() {
            flow_as_run(run, call).await
        } else {
            step_as_run(run, call).await
        };
        watched.ring(run_id);
        end
    }
    .boxed()
}

/// Runs a call that is known by its name only as all of a new root run: its output is JSON.
pub(crate) async fn as_untyped_run(
    run: Arc<Run>,
    call: Box<dyn AnyCall>,
) -> Result<FlowResult<Value>, Error> {
    let output = call.definition().output();
    let done = as_run(run, call).await?;
    Ok(FlowResult {
        run_id: done.run_id,
        flow_name: done.name,
        output_content: output.value_of(&done.output)?,
        metadata: done.metadata,
    })
}

/// Gives a call's end its type back.
pub(crate) fn typed<E: Executed + 'static>(
    done: BoxFuture<'static, Result<Done, Error>>,
) -> BoxFuture<'static, Result<E, Error>> {
    async move { done.await.map(E::of) }.boxed()
}
