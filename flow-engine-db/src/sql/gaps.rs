//! [`Gaps`]: runs whose journal lacks a write, because the database could not take it.

use std::collections::HashMap;

use super::Fault;
use crate::{Lease, StoreError, unit::Unit};

/// Under which leases a write was lost, to a full disk or a server that was away for too long, and why. Nothing more is
/// written under these: what comes behind a gap would be refused for a reason that nobody understands, or say that something
/// is whole which is not. Who takes the run anew, with another lease, reads what is there and goes on from that.
#[derive(Debug, Default)]
pub(crate) struct Gaps(HashMap<Lease, StoreError>);

impl Gaps {
    /// As many runs as can be under way when a disk fills; they are forgotten together.
    const LIMIT: usize = 100_000;

    /// Why this unit must not be written.
    pub(super) fn before(&self, unit: &Unit) -> Option<StoreError> {
        let error = self.0.get(&unit.lease).filter(|_| unit.is_fenced())?;
        Some(again(error))
    }

    /// Notes that a unit was not written, unless that is the fault of the unit alone.
    pub(super) fn lost(&mut self, unit: &Unit, fault: Fault) -> StoreError {
        let leaves_a_gap = !fault.is_about_the_unit();
        let error = StoreError::from(fault);
        if leaves_a_gap {
            if self.0.len() >= Self::LIMIT {
                self.0.clear();
            }
            self.0.insert(unit.lease, again(&error));
        }
        error
    }
}

/// The same error, for one more who hears of it. Its cause is the text of the first one's.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Query { action, source } => StoreError::Query {
            action,
            source: source.to_string().into(),
        },
        StoreError::Busy {
            location,
            waited_seconds,
        } => StoreError::Busy {
            location: location.clone(),
            waited_seconds: *waited_seconds,
        },
        StoreError::Unreachable {
            location,
            waited_seconds,
            source,
        } => StoreError::Unreachable {
            location: location.clone(),
            waited_seconds: *waited_seconds,
            source: source.to_string().into(),
        },
        StoreError::CannotOpen {
            location,
            reason,
            source,
        } => StoreError::CannotOpen {
            location: location.clone(),
            reason: reason.clone(),
            source: source.as_ref().map(|source| source.to_string().into()),
        },
        _ => StoreError::WriterFailed,
    }
}
