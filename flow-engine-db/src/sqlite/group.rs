//! Group commit: whatever is queued becomes one transaction, and a unit that fails does not fail
//! its neighbours.

use diesel::{Connection as _, SqliteConnection};

use super::{
    apply::apply,
    fault::Fault,
    lease,
    plan::{Action, Lineage, coalesce},
    session::{Session, Waited},
};
use crate::{StoreError, unit::Unit};

/// One for each unit.
type Outcomes = Vec<Result<(), StoreError>>;

/// Commits `units` and gives the outcome of each, in their order.
pub(super) fn commit(
    session: &mut Session,
    waited: &mut Waited,
    units: &[Unit],
    lineage: &mut Lineage,
) -> Outcomes {
    together(session, waited, units, lineage)
        .or_else(|| each_in_a_savepoint(session, waited, units))
        .unwrap_or_else(|| each_alone(session, waited, units))
}

/// The usual way: everything is written as one, with what belongs together coalesced.
fn together(
    session: &mut Session,
    waited: &mut Waited,
    units: &[Unit],
    lineage: &mut Lineage,
) -> Option<Outcomes> {
    let plan = coalesce(units, lineage);
    match session.transaction(waited, |connection| {
        plan.iter().try_for_each(|action| apply(connection, action))
    }) {
        Ok(()) => Some(units.iter().map(|_| Ok(())).collect()),
        Err(fault) if units.len() == 1 => Some(vec![Err(fault.into())]),
        Err(_) => None,
    }
}

/// Some unit is wrong: still one commit, in which each unit is undone by itself.
fn each_in_a_savepoint(
    session: &mut Session,
    waited: &mut Waited,
    units: &[Unit],
) -> Option<Outcomes> {
    let outcomes = session.transaction(waited, |connection| {
        let mut outcomes: Outcomes = Vec::with_capacity(units.len());
        for unit in units {
            match connection.transaction(|connection| apply_unit(connection, unit)) {
                Ok(()) => outcomes.push(Ok(())),
                Err(fault) if fault.is_about_the_unit() => outcomes.push(Err(fault.into())),
                Err(fault) => return Err(fault),
            }
        }
        Ok(outcomes)
    });
    outcomes.ok()
}

/// The transaction itself failed (the disk is full, a deferred foreign key has no row, the lock is
/// not to be had): what can be committed alone is.
fn each_alone(session: &mut Session, waited: &mut Waited, units: &[Unit]) -> Outcomes {
    let alone =
        |unit: &Unit| Ok(session.transaction(waited, |connection| apply_unit(connection, unit))?);
    units.iter().map(alone).collect()
}

fn apply_unit(connection: &mut SqliteConnection, unit: &Unit) -> Result<(), Fault> {
    if unit.is_fenced() {
        lease::check(connection, unit.lease)?;
    }
    unit.writes
        .iter()
        .try_for_each(|write| apply(connection, &Action::Single(write)))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use diesel::connection::SimpleConnection as _;
    use uuid::Uuid;

    use super::*;
    use crate::{Lease, NewRun, StoreError};

    /// Whichever pass finds the database locked.
    #[test]
    fn a_locked_database_is_waited_for_once_and_not_once_a_unit() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, mut other) = Session::contended(&folder);
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        let run = Uuid::now_v7();
        let unit = Unit {
            lease: Lease::first(run),
            writes: vec![NewRun::new(run, "flow", "{}").into()],
        };
        let units = vec![unit; 50];

        for pass in [
            |session: &mut Session, units: &[Unit]| {
                commit(
                    session,
                    &mut Waited::default(),
                    units,
                    &mut Lineage::default(),
                )
            },
            |session: &mut Session, units: &[Unit]| {
                each_alone(session, &mut Waited::default(), units)
            },
        ] {
            let begun = Instant::now();
            let outcomes = pass(&mut session, &units);

            assert!(begun.elapsed() < Duration::from_secs(5));
            assert_eq!(outcomes.len(), 50);
            for outcome in outcomes {
                assert!(
                    matches!(outcome, Err(StoreError::Busy { .. })),
                    "{outcome:?}"
                );
            }
        }
    }
}
