//! A store that kills its process at one of its writes.

use std::str::FromStr;
use std::sync::{Arc, Mutex};

use flow_engine_db::{Commit, Lease, Store, Write, forward_store};
use futures::executor::block_on;
use rustix::process::{Signal, getpid, kill_process};

/// When the process is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doom {
    pub(crate) moment: Moment,
    /// At which write, from 1.
    pub(crate) write: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    /// All earlier writes are on disk, and this one never will be.
    Before,
    /// It is queued: it and what was queued before it may be on disk or not.
    During,
    /// It is on disk too, and nobody has heard of it.
    After,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "before" => Self::Before,
            "during" => Self::During,
            "after" => Self::After,
            other => return Err(format!("`{other}` is no moment")),
        })
    }
}

#[derive(Debug)]
pub(crate) struct Doomed {
    real: Arc<dyn Store>,
    doom: Option<Doom>,
    /// Held while a unit is queued: nothing overtakes the end.
    writes: Mutex<u64>,
}

impl Doomed {
    pub(crate) fn new(real: Arc<dyn Store>, doom: Option<Doom>) -> Self {
        Self {
            real,
            doom,
            writes: Mutex::default(),
        }
    }

    pub(crate) fn writes(&self) -> u64 {
        *self.writes.lock().unwrap()
    }
}

/// The writer is a thread of its own, so it may be waited for on this one.
fn on_disk(commit: Commit) {
    block_on(commit).expect("the last write is sound");
}

fn die() -> ! {
    kill_process(getpid(), Signal::KILL).unwrap();
    loop {
        std::thread::park();
    }
}

impl Store for Doomed {
    forward_store!(self.real: barrier, acquire, acquire_background, renew, cancel, retry, pause, newest_leases, standings, outline, signal, signals, signalled, now, run, runs, steps, requests, request, journal, cached_step, fork, schedules, begin_schedule, advance_schedule, delete_run, prune, free_artifacts, forget_artifacts, close, location);

    fn submit(&self, lease: Lease, writes: Vec<Write>) -> Commit {
        let mut count = self.writes.lock().unwrap();
        *count += 1;
        let Some(doom) = self.doom.filter(|doom| doom.write == *count) else {
            return self.real.submit(lease, writes);
        };
        match doom.moment {
            Moment::Before => on_disk(self.real.barrier()),
            Moment::During => drop(self.real.submit(lease, writes)),
            Moment::After => on_disk(self.real.submit(lease, writes)),
        }
        die()
    }
}
