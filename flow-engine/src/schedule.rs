//! When flows start by themselves: `#[flow(schedule = "0 7 * * *", timezone = "Europe/Zurich")]`.

mod ticks;

use std::fmt;

use chrono::{DateTime, Utc};
pub(crate) use ticks::Ticks;

/// When a flow is started by [workers](crate::Worker): a cron expression in a time zone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    expression: &'static str,
    timezone: &'static str,
    missed: Missed,
}

/// What becomes of the ticks at which no worker was there: `#[flow(schedule = "…", missed = "skip")]`.
///
/// A tick that is less than a minute late is not missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Missed {
    /// One start for all of them, at the time of the latest.
    #[default]
    Once,
    /// They are left out.
    Skip,
    /// A start for each.
    All,
}

impl Schedule {
    /// Called by the macros, which have checked both.
    #[doc(hidden)]
    pub const fn new(
        expression: &'static str,
        timezone: Option<&'static str>,
        missed: Option<Missed>,
    ) -> Self {
        Self {
            expression,
            timezone: match timezone {
                Some(timezone) => timezone,
                None => "UTC",
            },
            missed: match missed {
                Some(missed) => missed,
                None => Missed::Once,
            },
        }
    }

    /// The cron expression, as it is written: `0 7 * * *`.
    pub fn expression(&self) -> &'static str {
        self.expression
    }

    /// The name of the time zone in which the expression is read; `UTC` if none was given.
    pub fn timezone(&self) -> &'static str {
        self.timezone
    }

    /// What becomes of missed ticks.
    pub fn missed(&self) -> Missed {
        self.missed
    }

    /// The first tick after a time. `None` if the expression has none: `0 0 30 2 *` is on no day.
    pub fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        Ticks::of(self).ok()?.next_after(time)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            expression,
            timezone,
            missed,
        } = self;
        write!(f, "\"{expression}\" in {timezone}, missed: {missed:?}")
    }
}
