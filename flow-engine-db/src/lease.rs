//! Leases: which process may write the journal of a root run, and until when unless it says that it is alive.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

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

/// Which background runs [`Store::acquire_background`](crate::Store::acquire_background) takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackgroundFilter {
    /// Runs of these flows; of none, if there is none.
    pub flow_names: Vec<String>,
    /// None of these, whosever lease they are under: who asks is executing them.
    pub except: Vec<Uuid>,
    /// How many runs at most.
    pub limit: u32,
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
