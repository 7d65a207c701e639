//! What a flow may not read by itself, since a replay would read something else: the time, and chance.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::context::Place;
use super::entry::{Entry, Task};
use super::step::journaled;
use crate::error::{BoxError, Error};
use crate::output::{Erased, OutputType, output};

/// The time; on a replay, the time it was.
///
/// # Errors
/// When there is no run around the call, or the database cannot be written.
#[track_caller]
pub fn now() -> impl Future<Output = Result<DateTime<Utc>, Error>> {
    drawn("now", "flow_engine::now", || Ok(Utc::now()))
}

/// A new id (UUID v7); on a replay, the same one.
///
/// # Errors
/// As for [`now`].
#[track_caller]
pub fn uuid() -> impl Future<Output = Result<Uuid, Error>> {
    drawn("uuid", "flow_engine::uuid", || Ok(Uuid::now_v7()))
}

/// 64 random bits; on a replay, the same ones. A seed for a generator of your choice, when you need more.
///
/// # Errors
/// As for [`now`].
#[track_caller]
pub fn random() -> impl Future<Output = Result<u64, Error>> {
    drawn("random", "flow_engine::random", || Ok(getrandom::u64()?))
}

#[track_caller]
fn drawn<T: OutputType>(
    what: &str,
    name: &'static str,
    value: fn() -> Result<T, BoxError>,
) -> impl Future<Output = Result<T, Error>> + use<T> {
    let place = Place::current(what);
    async move { recorded(&place?, name, &Map::new(), value).await }
}

/// A value that is found once, and recorded.
pub(super) async fn recorded<T: OutputType>(
    place: &Place,
    name: &'static str,
    inputs: &Map<String, Value>,
    value: impl FnOnce() -> Result<T, BoxError> + Send + 'static,
) -> Result<T, Error> {
    let entry = Entry::aside(name, 1, inputs);
    let code = async move { value().map(Erased::new) }.boxed();
    let output = output::<T>().erased();
    let work = place.run.tree.waits.work();
    let recorded = journaled(place, entry, &output, Ok(Task::Run(code)), work).await?;
    Ok(recorded.output.output.into_inner())
}
