//! Group commit: whatever is queued becomes one transaction, and a unit that fails does not fail
//! its neighbours.

use diesel::{Connection as _, SqliteConnection};

use super::{
    apply::apply,
    fault::Fault,
    plan::{Action, Roots, coalesce},
    session::Session,
};
use crate::{StoreError, Write};

/// One for each unit.
type Outcomes = Vec<Result<(), StoreError>>;

/// Commits `units` and gives the outcome of each, in their order.
pub(super) fn commit(session: &mut Session, units: &[Vec<Write>], roots: &mut Roots) -> Outcomes {
    together(session, units, roots)
        .or_else(|| each_in_a_savepoint(session, units))
        .unwrap_or_else(|| each_alone(session, units))
}

/// The usual way: everything is written as one, with what belongs together coalesced.
fn together(session: &mut Session, units: &[Vec<Write>], roots: &mut Roots) -> Option<Outcomes> {
    let plan = coalesce(units.iter().flatten(), roots);
    match session
        .transaction(|connection| plan.iter().try_for_each(|action| apply(connection, action)))
    {
        Ok(()) => Some(units.iter().map(|_| Ok(())).collect()),
        // Nobody else would get the lock either: each unit in turn would wait as long.
        Err(Fault::Connection(StoreError::Busy {
            location,
            waited_seconds,
        })) => {
            let busy = || StoreError::Busy {
                location: location.clone(),
                waited_seconds,
            };
            Some(units.iter().map(|_| Err(busy())).collect())
        }
        Err(fault) if units.len() == 1 => Some(vec![Err(fault.into())]),
        Err(_) => None,
    }
}

/// Some unit is wrong: still one commit, in which each unit is undone by itself.
fn each_in_a_savepoint(session: &mut Session, units: &[Vec<Write>]) -> Option<Outcomes> {
    let outcomes = session.transaction(|connection| {
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

/// The transaction itself failed (the disk is full, a deferred foreign key has no row): what can be
/// committed alone is.
fn each_alone(session: &mut Session, units: &[Vec<Write>]) -> Outcomes {
    let alone =
        |unit: &Vec<Write>| Ok(session.transaction(|connection| apply_unit(connection, unit))?);
    units.iter().map(alone).collect()
}

fn apply_unit(connection: &mut SqliteConnection, unit: &[Write]) -> Result<(), Fault> {
    unit.iter()
        .try_for_each(|write| apply(connection, &Action::Single(write)))
}
