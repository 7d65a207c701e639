//! Artifacts: as a flow or a task reads them, and which rows name them.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_engine_db::{NamedArtifact, Write};
use uuid::Uuid;

use super::context::Place;
use crate::artifacts::names_in;
use crate::error::Error;
use crate::image::Image;

/// The bytes of an image that a step has made, in a flow or a task. Nothing is recorded of it: the image's name is the hash of
/// its content, so it is the same on a replay.
///
/// # Errors
/// When there is no run around the call, or the image is not in the engine's artifact store:
/// [`ErrorKind::Artifact`](crate::ErrorKind::Artifact).
#[track_caller]
pub fn artifact(image: &Image) -> impl Future<Output = Result<Vec<u8>, Error>> + use<> {
    let place = Place::current("artifact");
    let url = image.url.clone();
    async move {
        let run = place?.run;
        let _work = run.tree.waits.work();
        let services = Arc::clone(&run.services);
        Ok(services.artifacts.read(&url).await?.into())
    }
}

/// What is written of a root run, or below it. What names an artifact says so, as long as the row is there: it is kept for it.
pub(crate) fn naming(root_run_id: Uuid, mut writes: Vec<Write>) -> Vec<Write> {
    let named: BTreeSet<&str> = writes.iter().flat_map(texts).flat_map(names_in).collect();
    let named: Vec<Write> = named
        .into_iter()
        .map(|name| {
            let named = NamedArtifact {
                root_run_id,
                artifact: name.to_owned(),
            };
            named.into()
        })
        .collect();
    writes.extend(named);
    writes
}

/// The texts of a row in which the name of an artifact can stand.
fn texts(write: &Write) -> impl Iterator<Item = &str> {
    let texts: [Option<&str>; 2] = match write {
        Write::StartRun(run) => [Some(&run.inputs), run.flow_metadata.as_deref()],
        Write::FinishRun(end) => [end.outputs.as_deref(), None],
        Write::ReopenRun(reopen) => [reopen.inputs.as_deref(), None],
        Write::StartStep(step) => [Some(&step.inputs), None],
        Write::FinishStep(end) => [end.outputs.as_deref(), end.step_metadata.as_deref()],
        Write::ResolveStep(step) => [step.outputs.as_deref(), step.step_metadata.as_deref()],
        Write::SendRequest(request) => [request.request.as_deref(), None],
        Write::FinishRequest(end) => [end.response.as_deref(), None],
        _ => [None, None],
    };
    texts.into_iter().flatten()
}
