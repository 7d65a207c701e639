//! Results that are shared between runs: steps with `cache = "7d"`.
//!
//! The journal of the run is asked first. Successes only, of runs for the same user; equal calls of one process wait for
//! each other, so that one of them computes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;
use uuid::Uuid;

use super::context::Place;
use super::entry::Entry;
use super::recall::{Recalled, Taken, returned};
use crate::error::Error;
use crate::identity::{Hash, Identity};
use crate::lock::lock;
use crate::output::Output;

/// How long a call waits for an equal one. Who computes may itself be waiting: a flow that holds two equal calls need not
/// poll both.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who computes which result now.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<String, Weak<Flight>>>);

type Flight = tokio::sync::Mutex<()>;

impl Flights {
    /// Waits until nobody computes this, or has done so for too long.
    async fn board(&self, key: &str) -> OwnedMutexGuard<()> {
        loop {
            let flight = self.flight(key);
            let waited = timeout(PATIENCE, Arc::clone(&flight).lock_owned()).await;
            if let Ok(guard) = waited {
                return guard;
            }
            // Those who come now, and those who still wait, wait for the next one.
            let mut flights = lock(&self.0);
            if flights
                .get(key)
                .is_some_and(|current| current.as_ptr() == Arc::as_ptr(&flight))
            {
                flights.remove(key);
            }
        }
    }

    fn flight(&self, key: &str) -> Arc<Flight> {
        let mut flights = lock(&self.0);
        flights.retain(|_, flight| flight.strong_count() > 0);
        flights.get(key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let flight = Arc::default();
            flights.insert(key.to_owned(), Arc::downgrade(&flight));
            flight
        })
    }
}

/// A result that another run has computed, or else the right to compute it.
pub(super) async fn cached(
    place: &Place,
    entry: &Entry<'_>,
    key: &str,
    lifetime: Duration,
    output: &Output,
) -> Result<Result<Recalled, OwnedMutexGuard<()>>, Error> {
    let services = &place.run.services;
    let flight = services.flights.board(key).await;
    let since = TimeDelta::from_std(lifetime)
        .ok()
        .and_then(|lifetime| Utc::now().checked_sub_signed(lifetime))
        .unwrap_or(DateTime::<Utc>::MIN_UTC);
    let found = services.store.cached_step(key, since).await?;
    let recorded = found.and_then(|step| {
        let recorded = output.read_back(step.outputs.clone()?).ok()?;
        Some((step, recorded))
    });
    Ok(match recorded {
        Some((step, recorded)) => {
            let turn = place.run.tree.returns.ended();
            let end = returned(place, entry, &step, Taken::Cached, recorded, &turn);
            Ok(Recalled { end, turn })
        }
        None => Err(flight),
    })
}

/// Under what a result is shared: by the runs of one user, while the code is the same.
pub(super) fn key(user: Option<Uuid>, identity: Identity, code: Option<&str>) -> String {
    let shared = json!({ "user": user, "call": identity.key.to_string(), "code": code });
    Hash::of("cache", &shared).to_string()
}
