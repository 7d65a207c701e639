//! [`Unit`]: what is submitted as one.

use crate::{Lease, Write};

/// Writes that are committed together, and the lease under which they were submitted.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) lease: Lease,
    pub(crate) writes: Vec<Write>,
}

impl Unit {
    /// Whether it opens its root run as that was read, which is done once under a lease.
    pub(crate) fn opens_the_root(&self) -> bool {
        self.writes.iter().any(|write| {
            matches!(write, Write::ReopenRun(reopen)
                if reopen.id == self.lease.root_run_id && reopen.expected.is_some())
        })
    }

    /// Whether it may be written only while its lease is the newest of its root run.
    ///
    /// A unit that starts the root run brings the lease along. One that only says what was sent and answered
    /// is written whoever has the run by now: it was paid for.
    pub(crate) fn is_fenced(&self) -> bool {
        let starts_the_root = self
            .writes
            .iter()
            .any(|write| matches!(write, Write::StartRun(run) if run.id == self.lease.root_run_id));
        let of_requests_only = self.writes.iter().all(|write| {
            matches!(
                write,
                Write::SendRequest(_) | Write::FinishRequest(_) | Write::NameArtifact(_)
            )
        });
        !starts_the_root && !of_requests_only
    }
}
