//! Group commit: whatever is queued becomes one transaction, and a unit that fails does not fail
//! its neighbours.

use diesel::Connection as _;

use super::{
    Connection, Fault, Gaps, Session, Waited,
    apply::{apply, is_opened},
    apply_plan, lease,
};
use crate::{
    StoreError,
    plan::{Action, Lineage, coalesce},
    unit::Unit,
};

/// One for each unit.
type Outcomes = Vec<Result<(), StoreError>>;

/// Commits `units` and gives the outcome of each, in their order.
pub(crate) fn commit(
    session: &mut Session,
    waited: &mut Waited,
    units: &[Unit],
    lineage: &mut Lineage,
    gaps: &mut Gaps,
) -> Outcomes {
    if units.iter().any(|unit| gaps.before(unit).is_some()) {
        return each_alone(session, waited, units, gaps);
    }
    // What opens a run is asked for first whether it has been written.
    let whole = if units.iter().any(Unit::opens_the_root) {
        None
    } else {
        together(session, waited, units, lineage, gaps)
    };
    whole
        .or_else(|| each_in_a_savepoint(session, waited, units))
        .unwrap_or_else(|| each_alone(session, waited, units, gaps))
}

/// The usual way: everything is written as one, with what belongs together coalesced.
fn together(
    session: &mut Session,
    waited: &mut Waited,
    units: &[Unit],
    lineage: &mut Lineage,
    gaps: &mut Gaps,
) -> Option<Outcomes> {
    let plan = coalesce(units, lineage);
    match session.transaction(waited, |connection| apply_plan(connection, &plan)) {
        Ok(()) => Some(units.iter().map(|_| Ok(())).collect()),
        Err(fault) if units.len() == 1 => Some(vec![Err(gaps.lost(&units[0], fault))]),
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
/// not to be had): what can be committed alone is, but nothing behind a gap.
pub(crate) fn each_alone(
    session: &mut Session,
    waited: &mut Waited,
    units: &[Unit],
    gaps: &mut Gaps,
) -> Outcomes {
    let alone = |unit: &Unit| match gaps.before(unit) {
        Some(error) => Err(error),
        None => session
            .transaction(waited, |connection| apply_unit(connection, unit))
            .map_err(|fault| gaps.lost(unit, fault)),
    };
    units.iter().map(alone).collect()
}

fn apply_unit(connection: &mut Connection, unit: &Unit) -> Result<(), Fault> {
    if unit.is_fenced() {
        lease::check(connection, unit.lease)?;
    }
    // The commit of the first time was one of which nobody knew whether it succeeded.
    if unit.opens_the_root() && is_opened(connection, unit.lease)? {
        return Ok(());
    }
    unit.writes
        .iter()
        .try_for_each(|write| apply(connection, &Action::Single(write)))
}
