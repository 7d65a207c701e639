//! What a flow may not read by itself, since a replay would read something else: the time, and chance.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde_json::Map;
use uuid::Uuid;

use super::context::Place;
use super::entry::{Entry, Task};
use super::step::journaled;
use crate::call::Body;
use crate::error::Error;
use crate::output::{OutputType, output};

/// The time; on a replay, the time it was.
///
/// # Errors
/// When there is no run around the call, or the database cannot be written.
pub async fn now() -> Result<DateTime<Utc>, Error> {
    recorded("flow_engine::now", "now", async { Ok(Utc::now()) }.boxed()).await
}

/// A new id (UUID v7); on a replay, the same one.
///
/// # Errors
/// As for [`now`].
pub async fn uuid() -> Result<Uuid, Error> {
    recorded(
        "flow_engine::uuid",
        "uuid",
        async { Ok(Uuid::now_v7()) }.boxed(),
    )
    .await
}

/// 64 random bits; on a replay, the same ones. A seed for a generator of your choice, when you need more.
///
/// # Errors
/// As for [`now`].
pub async fn random() -> Result<u64, Error> {
    let draw = async { Ok(getrandom::u64()?) };
    recorded("flow_engine::random", "random", draw.boxed()).await
}

async fn recorded<T: OutputType>(
    name: &'static str,
    what: &str,
    value: Body<T>,
) -> Result<T, Error> {
    let place = Place::current(what)?;
    let inputs = Map::new();
    let entry = Entry::aside(name, 1, &inputs);
    let recorded = journaled(&place, entry, output::<T>(), Ok(Task::Run(value))).await?;
    Ok(recorded.output.output_content)
}
