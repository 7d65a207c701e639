//! Submitting without naming the lease: most scenarios are about one process that executes its runs.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use flow_engine_db::{Commit, Lease, Store, Write};
use uuid::Uuid;

/// The root of each run, step run and request that this process has written.
static ROOTS: LazyLock<Mutex<HashMap<Uuid, Uuid>>> = LazyLock::new(Mutex::default);

pub(crate) trait Tell {
    /// Submits under the first lease of the root run that the first write belongs to, as the process does that
    /// started it. What nobody has written belongs to a run that is not there.
    fn tell(&self, writes: Vec<Write>) -> Commit;
}

impl Tell for dyn Store {
    fn tell(&self, writes: Vec<Write>) -> Commit {
        let mut roots = ROOTS.lock().unwrap();
        let belonging: Vec<Uuid> = writes
            .iter()
            .map(|write| learn(&mut roots, write))
            .collect();
        drop(roots);
        self.submit(Lease::first(belonging[0]), writes)
    }
}

fn learn(roots: &mut HashMap<Uuid, Uuid>, write: &Write) -> Uuid {
    let (id, belongs_to) = match write {
        Write::StartRun(run) => {
            roots.insert(run.id, run.root_run_id);
            return run.root_run_id;
        }
        Write::StartStep(step) => (Some(step.id), step.flow_run_id),
        Write::SendRequest(request) => (Some(request.id), request.flow_run_id),
        Write::UpdateRun(progress) => (None, progress.id),
        Write::FinishRun(finish) => (None, finish.id),
        Write::ParkRun(park) => (None, park.id),
        Write::ReopenRun(reopen) => (None, reopen.id),
        Write::TakeSignal(take) => (None, take.step_run_id),
        Write::Fork(fork) => (None, fork.run_id),
        Write::FinishStep(finish) => (None, finish.id),
        Write::NoteHit(hit) => (None, hit.id),
        Write::MoveStep(step) => (None, step.id),
        Write::RetireStep(step) => (None, step.id),
        Write::FinishRequest(finish) => (None, finish.id),
        Write::NameArtifact(named) => (None, named.root_run_id),
        other => panic!("whose is {other:?}?"),
    };
    let root = roots.get(&belongs_to).copied().unwrap_or(belongs_to);
    if let Some(id) = id {
        roots.insert(id, root);
    }
    root
}
