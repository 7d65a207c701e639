//! Leases: which process may write the journal of a root run, and until when unless it says that it is alive.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::RunStatus;

/// The right to write the journal of a root run: who holds the newest epoch of a root run may write it.
///
/// Each taking of a run raises its epoch. So a process that was silent for too long, and whose run was taken
/// by another one, cannot write what would contradict it:
/// [`LeaseLost`](crate::StoreError::LeaseLost).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The root run; sub-runs are written under the lease of their root.
    pub root_run_id: Uuid,
    /// How often the run had been taken when this lease was given, itself included: from 1.
    pub epoch: i64,
}

impl Lease {
    /// The lease of a root run that its process starts: see [`NewRun::lease`](crate::NewRun::lease).
    pub const fn first(root_run_id: Uuid) -> Self {
        Self {
            root_run_id,
            epoch: 1,
        }
    }
}

/// Who holds leases, and for how long unless renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerm {
    /// What takes and renews leases: one id for each process, or each engine in it, made when it starts.
    pub owner: Uuid,
    /// How long it may be silent. Counted from the moment at which the database writes it; what goes beyond the
    /// year 262142 lasts until then.
    pub duration: Duration,
}

impl LeaseTerm {
    /// The end of a lease that is taken or renewed `now`.
    pub(crate) fn until(self, now: DateTime<Utc>) -> DateTime<Utc> {
        TimeDelta::from_std(self.duration)
            .ok()
            .and_then(|duration| now.checked_add_signed(duration))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// The newest lease of a root run, whoever had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestLease {
    /// What was submitted under an older one is refused.
    pub lease: Lease,
    /// Whether who has it is to pause the run: [`Store::pause`](crate::Store::pause).
    pub pause_requested: bool,
}

/// How a root run was found by what is done to it from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundRun {
    /// Where it stood.
    pub status: RunStatus,
    /// Whether somebody had it, under a lease that lasted.
    pub is_held: bool,
}

/// Which background runs [`Store::acquire_background`](crate::Store::acquire_background) takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackgroundFilter {
    /// Runs of these flows; of none, if there is none.
    pub flow_names: Vec<String>,
    /// How many runs of a flow are executed at a time at most, by all that ask, of flows that have such a limit. Counted are the
    /// background runs of the flow whose lease lasts, and those in `except`.
    pub concurrency: BTreeMap<String, u32>,
    /// None of these, whosever lease they are under: who asks is executing them.
    pub except: Vec<Uuid>,
    /// How many runs at most.
    pub limit: u32,
}

/// Flows of which so many runs may be taken, all together.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Share<'a> {
    pub(crate) flow_names: Vec<&'a str>,
    pub(crate) runs: u32,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl BackgroundFilter {
    /// The flows that have a limit.
    pub(crate) fn limited(&self) -> Vec<&str> {
        self.concurrency.keys().map(String::as_str).collect()
    }

    /// What may be taken, by how many runs of each flow are executed: of each flow with a limit as many as it has room for, and
    /// of all others together as many as are asked for.
    pub(crate) fn shares(&self, executed: &BTreeMap<String, i64>) -> Vec<Share<'_>> {
        let mut shares = Vec::new();
        let mut unlimited = Vec::new();
        for name in &self.flow_names {
            let Some(limit) = self.concurrency.get(name) else {
                unlimited.push(name.as_str());
                continue;
            };
            let executed = executed.get(name).copied().unwrap_or(0);
            let executed = u32::try_from(executed).unwrap_or(u32::MAX);
            shares.push(Share {
                flow_names: vec![name],
                runs: limit.saturating_sub(executed).min(self.limit),
            });
        }
        shares.push(Share {
            flow_names: unlimited,
            runs: self.limit,
        });
        shares.retain(|share| share.runs > 0 && !share.flow_names.is_empty());
        shares
    }

    /// Of the runs of all shares, each with its priority, those that are taken.
    pub(crate) fn first(&self, mut free: Vec<(i32, Uuid)>) -> Vec<Uuid> {
        free.sort_by_key(|(priority, id)| (std::cmp::Reverse(*priority), *id));
        free.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        free.into_iter().map(|(_, id)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_without_an_end_lasts_until_the_last_day() {
        let term = LeaseTerm {
            owner: Uuid::nil(),
            duration: Duration::MAX,
        };
        assert_eq!(term.until(Utc::now()), DateTime::<Utc>::MAX_UTC);
    }
}
