//! The times at which a schedule starts a flow.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::{Missed, Schedule};

/// A tick that is late by no more than this is started as if it were on time: a worker was there, and was busy, or is just
/// being replaced by another.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// How many ticks are started at a time, of those that are due.
const AT_A_TIME: usize = 100;

/// A schedule that was read.
#[derive(Debug)]
pub(crate) struct Ticks {
    cron: Cron,
    zone: Tz,
}

/// What is to be done at a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// How far the schedule comes by that.
    pub(crate) last_tick: DateTime<Utc>,
    /// The ticks for which a run is started.
    pub(crate) starts: Vec<DateTime<Utc>>,
    /// The first tick that was missed, if some were.
    pub(crate) missed_since: Option<DateTime<Utc>>,
}

impl Ticks {
    /// What the macros have checked, or why it is wrong all the same: a time zone may have been abolished.
    pub(crate) fn of(schedule: &Schedule) -> Result<Self, String> {
        // As the macros read it.
        let cron = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build()
            .parse(schedule.expression)
            .map_err(|error| format!("`{}` is no cron expression: {error}", schedule.expression))?;
        let zone = schedule
            .timezone
            .parse()
            .map_err(|_unknown| format!("there is no time zone `{}`", schedule.timezone))?;
        Ok(Self { cron, zone })
    }

    /// The first tick after a time. None if there is none.
    pub(crate) fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Ticks are whole seconds.
        let second = time.trunc_subsecs(0).with_timezone(&self.zone);
        let find = |second| self.cron.find_next_occurrence(&second, false).ok();
        // A day that its zone leaves out, as Samoa did, ends croner's search.
        let next = find(second).or_else(|| find(second + TimeDelta::days(1)))?;
        Some(next.to_utc()).filter(|next| *next > time)
    }

    /// What is to be done now, by who has done all up to `position`. None if nothing is.
    pub(crate) fn due(
        &self,
        missed: Missed,
        position: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<Due> {
        let first = self.next_after(position).filter(|first| *first <= now)?;
        let is_missed = |tick: DateTime<Utc>| now - tick > TOLERANCE;
        if !is_missed(first) || missed == Missed::All {
            let starts: Vec<_> = self.between(first, now).take(AT_A_TIME).collect();
            return Some(Due {
                last_tick: starts.last().copied().unwrap_or(first),
                starts,
                missed_since: Some(first).filter(|first| is_missed(*first)),
            });
        }
        let last_tick = self.last_until(now, first);
        let is_left_out = missed == Missed::Skip && is_missed(last_tick);
        Some(Due {
            last_tick,
            starts: if is_left_out {
                Vec::new()
            } else {
                vec![last_tick]
            },
            missed_since: Some(first),
        })
    }

    /// The ticks from one on, until a time.
    fn between(
        &self,
        first: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(Some(first), |tick| self.next_after(*tick))
            .take_while(move |tick| *tick <= until)
    }

    /// The last tick until a time, of which an earlier one is known. Looked for from there backwards, further and further: of
    /// a schedule of each second that was left alone for a year there are many.
    fn last_until(&self, until: DateTime<Utc>, known: DateTime<Utc>) -> DateTime<Utc> {
        let mut back = TOLERANCE;
        loop {
            let from = until - back;
            if from <= known {
                return self.between(known, until).last().unwrap_or(known);
            }
            let first = self.next_after(from).filter(|first| *first <= until);
            if let Some(last) = first.and_then(|first| self.between(first, until).last()) {
                return last;
            }
            back = back * 2;
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
