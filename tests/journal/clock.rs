//! A database whose clock is not that of the engine's machine.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine_db::{BoxFuture, Store, StoreError, forward_store};

use crate::lab::Lab;
use crate::leases::{half_done, other};

/// So much ahead, or behind.
#[derive(Debug)]
struct Apart(Arc<dyn Store>, TimeDelta);

impl Store for Apart {
    forward_store!(self.0: submit, barrier, acquire, acquire_background, renew, cancel, retry, pause, newest_leases, standings, outline, signal, signals, signalled, run, runs, steps, requests, request, journal, cached_step, fork, schedules, begin_schedule, advance_schedule, delete_run, prune, free_artifacts, forget_artifacts, close, location);

    fn now(&self) -> BoxFuture<'_, Result<DateTime<Utc>, StoreError>> {
        Box::pin(async { Ok(self.0.now().await? + self.1) })
    }
}

/// What is found within a second: of runs whose leases seem to last, nothing.
async fn found_at_once(lasts: Duration, apart: TimeDelta) -> Option<usize> {
    let lab = Lab::new().await;
    let id = half_done(&lab).await;
    let (store, dead) = other(&lab, lasts).await;
    store.acquire(id, dead).await.unwrap().unwrap();
    let engine = lab.on(Arc::new(Apart(store, apart))).await;

    let found = tokio::time::timeout(Duration::from_secs(1), engine.interrupted());

    Some(found.await.ok()?.unwrap().len())
}

#[tokio::test]
async fn a_lease_is_over_by_the_clock_of_the_database() {
    let found = found_at_once(Duration::from_mins(30), TimeDelta::hours(1)).await;
    assert_eq!(found, Some(1));
}

#[tokio::test]
async fn a_lease_lasts_by_the_clock_of_the_database() {
    let found = found_at_once(Duration::ZERO, TimeDelta::hours(-1)).await;
    assert_eq!(found, None, "it is waited for");
}
