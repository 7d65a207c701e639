//! Steps at the same time: branches over items, and tasks that keep their run.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use serde::Serialize;
use tokio::task::JoinHandle;

use super::choice::GATE;
use super::context::{PLACE, Place};
use super::scope::{Inside, content_of};
use crate::error::Error;

/// Runs a branch for each item, at most `limit` of them at a time, and gives their outputs in the order of the items.
///
/// It never fails fast: every branch comes to its end, so that what was paid is recorded; then the first error in the
/// order of the items is returned. When the run is resumed, only what failed runs again.
///
/// A branch is one call or an async block of several. The items tell branches apart in the journal (as JSON): after an edit,
/// a branch finds what it recorded wherever its item now stands.
///
/// ```
/// # use flow_engine::prelude::*;
/// #[step]
/// async fn measure(city: String) -> Result<f64> {
///     Ok(city.len() as f64)
/// }
///
/// #[flow]
/// async fn hottest(cities: Vec<String>) -> Result<f64> {
///     let measured = flow_engine::map(cities, 8, |city| measure(city)).await?;
///     Ok(measured.into_iter().fold(f64::MIN, f64::max))
/// }
/// ```
///
/// A branch of several steps says what its error is:
///
/// ```
/// # use flow_engine::prelude::*;
/// # #[step]
/// # async fn measure_twice(city: String) -> Result<f64> { Ok(city.len() as f64) }
/// # #[step]
/// # async fn describe(degrees: f64) -> String { format!("{degrees} degrees") }
/// # #[flow]
/// # async fn describes(cities: Vec<String>) -> Result<Vec<String>> {
/// let described = flow_engine::map(cities, 8, |city| async {
///     let degrees = measure_twice(city).await?;
///     Ok::<_, flow_engine::Error>(describe(degrees).await?)
/// })
/// .await?;
/// # Ok(described)
/// # }
/// ```
///
/// # Errors
/// The first branch's error, in the order of the items; or that there is no run around the call.
#[track_caller]
pub fn map<I, F, B, T, E>(
    items: I,
    limit: usize,
    branch: F,
) -> impl Future<Output = Result<Vec<T>, E>>
where
    I: IntoIterator<Item: Serialize>,
    F: FnMut(I::Item) -> B,
    B: IntoFuture<Output = Result<T, E>>,
    E: From<Error>,
{
    let place = Place::current("map");
    async move { mapped(place?, items, limit, branch).await }
}

async fn mapped<I, F, B, T, E>(
    place: Place,
    items: I,
    limit: usize,
    mut branch: F,
) -> Result<Vec<T>, E>
where
    I: IntoIterator<Item: Serialize>,
    F: FnMut(I::Item) -> B,
    B: IntoFuture<Output = Result<T, E>>,
{
    let limit = if place.run.is_planned() {
        // A dry run executes nothing, and shows all that would have to run.
        usize::MAX
    } else {
        limit.max(1)
    };
    // All of them at once: what is recorded of a branch is kept for it before another one begins.
    let branches: Vec<_> = items
        .into_iter()
        .map(|item| {
            let scope = place.scope.inner("map", content_of(&item));
            let here = Place {
                scope: scope.clone(),
                previous: None,
                ..place.clone()
            };
            let inside = Inside::new(place.run.journal().cloned(), scope);
            (item, here, inside)
        })
        .collect();
    let mut ends: Vec<(usize, Result<T, E>)> = stream::iter(branches.into_iter().enumerate())
        .map(|(index, (item, here, inside))| {
            let future = PLACE.sync_scope(here.clone(), || branch(item).into_future());
            async move {
                let _inside = inside;
                (index, PLACE.scope(here, future).await)
            }
        })
        .buffer_unordered(limit)
        .collect()
        .await;
    place.scope.returned("map");
    ends.sort_unstable_by_key(|(index, _)| *index);
    let ends = ends.into_iter().map(|(_, end)| end);
    ends.collect()
}

/// Runs a future in a task of its own, inside of the current run. Outside of a run it is `tokio::spawn`.
///
/// What a flow spawns must be awaited before it returns: nothing starts in a run that has ended. If the run stops before its end,
/// because it is cancelled, leaves memory, or is taken by another process, the task is aborted.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: IntoFuture<IntoFuture: Send + 'static, Output: Send + 'static>,
{
    let future = future.into_future();
    let run = PLACE.try_with(|place| Arc::clone(&place.run)).ok();
    let task = tokio::spawn(in_current_run(future));
    if let Some(run) = run {
        run.tree.spawned(task.abort_handle());
    }
    task
}

/// The future, with the current run around it wherever it is polled: for tasks that something else than
/// [`spawn`] makes. Outside of a run it is the future as it is.
pub fn in_current_run<F: IntoFuture>(future: F) -> impl Future<Output = F::Output> + use<F> {
    let place = PLACE.try_with(|place| Place {
        scope: place.scope.apart(),
        ..place.clone()
    });
    let place = place.ok();
    let gate = GATE.try_with(Arc::clone).ok();
    let future = future.into_future();
    async move {
        match (place, gate) {
            (Some(place), Some(gate)) => PLACE.scope(place, GATE.scope(gate, future)).await,
            (Some(place), None) => PLACE.scope(place, future).await,
            (None, _) => future.await,
        }
    }
}
