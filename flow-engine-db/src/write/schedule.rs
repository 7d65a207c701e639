//! What a worker does at a tick.

use chrono::{DateTime, Utc};

use crate::NewRun;

/// A schedule moves on to a tick, and runs are queued for it: for
/// [`Store::advance_schedule`](crate::Store::advance_schedule).
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleAdvance {
    /// The name of the flow.
    pub flow_name: String,
    /// The [`last_tick`](crate::FlowSchedule::last_tick) as it was read. If it is another by now, somebody else was faster.
    pub expected: Option<DateTime<Utc>>,
    /// The tick.
    pub last_tick: DateTime<Utc>,
    /// Root runs that nobody has taken yet; none for ticks that are left out.
    pub runs: Vec<NewRun>,
}
