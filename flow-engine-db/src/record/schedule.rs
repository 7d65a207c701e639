//! [`FlowSchedule`].

use chrono::{DateTime, Utc};

/// How far the schedule of a flow has come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct FlowSchedule {
    /// The name of the flow.
    pub flow_name: String,
    /// When a worker first saw the schedule. No tick before it is started.
    pub begun_at: DateTime<Utc>,
    /// The last tick that was dealt with: a run was queued for it, or it was left out. `None` before the first.
    pub last_tick: Option<DateTime<Utc>>,
}

impl FlowSchedule {
    /// The ticks after this are still to come.
    pub fn position(&self) -> DateTime<Utc> {
        self.last_tick.unwrap_or(self.begun_at)
    }
}

/// Schedules, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedules {
    /// The time by the clock that says which queued runs can be executed: that of a database server, or else of this machine.
    pub now: DateTime<Utc>,
    /// Those that were asked for and have begun, in the order of their names.
    pub schedules: Vec<FlowSchedule>,
}
