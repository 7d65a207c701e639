//! [`Standing`].

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::RunStatus;

/// Where a run stands, for who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// The run.
    pub run_id: Uuid,
    /// Its [`status`](crate::FlowRun::status).
    pub status: RunStatus,
    /// When it goes on by itself: its [`wake_at`](crate::FlowRun::wake_at).
    pub wake_at: Option<DateTime<Utc>>,
    /// Until when somebody has it: its [`lease_until`](crate::FlowRun::lease_until).
    pub lease_until: Option<DateTime<Utc>>,
}

impl Standing {
    /// Whether a background run that was taken before is to be taken again, as
    /// [`acquire_background`](crate::Store::acquire_background) would do: nobody has it, and what it waited for has come, or it
    /// was given up before its end.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        let is_over = |time: Option<DateTime<Utc>>| time.is_some_and(|time| time <= now);
        match self.status {
            RunStatus::Pending | RunStatus::Running => is_over(self.lease_until),
            RunStatus::Interrupted => self.lease_until.is_none_or(|until| until <= now),
            RunStatus::Waiting => {
                is_over(self.wake_at) && self.lease_until.is_none_or(|until| until <= now)
            }
            _ => false,
        }
    }
}

/// Where runs stand, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standings {
    /// The time by the clock that leases end by.
    pub now: DateTime<Utc>,
    /// Those that were asked for and are there, in any order.
    pub runs: Vec<Standing>,
}
