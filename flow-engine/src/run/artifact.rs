//! Artifacts, as a flow or a task reads them.

use std::sync::Arc;

use super::context::Place;
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
