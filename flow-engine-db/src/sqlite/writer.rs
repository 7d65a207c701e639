//! The writer: a thread that takes whatever is queued, commits it as one, and answers everyone who
//! waits.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use diesel::SqliteConnection;
use tokio::sync::mpsc;

use super::{
    group,
    plan::Lineage,
    session::{Session, Waited},
};
use crate::{commit::Acknowledge, unit::Unit};

/// How many units become one transaction at most. More is not faster, and those who wait would wait
/// longer.
const BATCH: usize = 1024;

/// What is queued.
pub(super) enum Job {
    Unit {
        unit: Unit,
        acknowledge: Acknowledge,
    },
    /// Answered when everything before it is written, or has failed.
    Barrier(Acknowledge),
    /// What needs a transaction of its own, between the units before and behind it.
    Alone(Alone),
}

/// It answers by itself to who waits for it.
pub(super) type Alone = Box<dyn FnOnce(&mut Session, &mut Waited) + Send>;

/// The queue's end that the store holds, and the thread behind it.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` once it is closed: the thread ends when it has written what is left.
    queue: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn spawn(path: PathBuf, connection: SqliteConnection) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let session = Session::new(path, connection);
        let thread = thread::Builder::new()
            .name("flow-engine-db".to_owned())
            .spawn(move || run(receiver, session))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues a job, or gives it back if the writer is closed.
    pub(super) fn send(&self, job: Job) -> Result<(), Job> {
        match &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => sender.send(job).map_err(|refused| refused.0),
            None => Err(job),
        }
    }

    /// Takes no more jobs.
    pub(super) fn stop(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Waits until what was queued is written. Every caller waits: the first holds the lock until
    /// the thread has ended.
    pub(super) fn join(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(_panic)) = thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that writes the database panicked");
        }
    }
}

/// A process that ends right after it dropped its store has everything on disk.
impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
        self.join();
    }
}

fn run(mut queue: mpsc::UnboundedReceiver<Job>, mut session: Session) {
    let mut lineage = Lineage::default();
    let mut batch = Vec::with_capacity(BATCH);
    // 0: the store is closed or dropped, and the queue is empty.
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        let jobs = std::mem::take(&mut batch);
        // A panic is a bug here or below. It costs this batch, whose waiters are told by their
        // dropped channels, and not all that come after it.
        if catch_unwind(AssertUnwindSafe(|| {
            process(&mut session, jobs, &mut lineage);
        }))
        .is_err()
        {
            tracing::error!("the database writer panicked; what it was writing may be lost");
            session.discard();
        }
    }
}

fn process(session: &mut Session, jobs: Vec<Job>, lineage: &mut Lineage) {
    let mut waited = Waited::default();
    let mut units = Vec::new();
    let mut waiting = Vec::new();
    let mut barriers = Vec::new();
    for job in jobs {
        match job {
            Job::Unit { unit, acknowledge } => {
                units.push(unit);
                waiting.push(acknowledge);
            }
            // Later than it must be, if units come behind it: it costs no commit of its own.
            Job::Barrier(acknowledge) => barriers.push(acknowledge),
            Job::Alone(body) => {
                commit_units(session, &mut waited, &mut units, &mut waiting, lineage);
                body(session, &mut waited);
            }
        }
    }
    commit_units(session, &mut waited, &mut units, &mut waiting, lineage);
    for barrier in barriers {
        barrier.send(Ok(()));
    }
}

fn commit_units(
    session: &mut Session,
    waited: &mut Waited,
    units: &mut Vec<Unit>,
    waiting: &mut Vec<Acknowledge>,
    lineage: &mut Lineage,
) {
    if units.is_empty() {
        return;
    }
    let outcomes = group::commit(session, waited, units, lineage);
    units.clear();
    for (acknowledge, outcome) in waiting.drain(..).zip(outcomes) {
        acknowledge.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use diesel::connection::SimpleConnection as _;
    use tokio::sync::oneshot;
    use uuid::Uuid;

    use super::*;
    use crate::{
        Commit, Lease, NewRun, StoreError,
        sqlite::{connection, fault::Fault, migration},
    };

    fn new_run() -> Unit {
        let id = Uuid::now_v7();
        Unit {
            lease: Lease::first(id),
            writes: vec![NewRun::new(id, "flow", "{}").into()],
        }
    }

    #[tokio::test]
    async fn a_panic_costs_its_batch_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let mut connection = connection::create(&path).unwrap();
        connection::configure(&mut connection, &path).unwrap();
        migration::run(&mut connection, &path).unwrap();
        let writer = Writer::spawn(path, connection).unwrap();

        let panic: Alone = Box::new(|_, _| panic!("a bug in the writer"));
        assert!(writer.send(Job::Alone(panic)).is_ok());
        let last = loop {
            let (acknowledge, commit) = Commit::pending();
            let unit = new_run();
            assert!(writer.send(Job::Unit { unit, acknowledge }).is_ok());
            match commit.await {
                // It was in the batch of the panic.
                Err(StoreError::WriterFailed) => {}
                outcome => break outcome,
            }
        };
        last.unwrap();
        writer.stop();
        writer.join();
    }

    #[tokio::test]
    async fn a_locked_database_is_waited_for_once_a_batch() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, mut other) = Session::contended(&folder);
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        let (mut jobs, mut commits, mut others) = (Vec::new(), Vec::new(), Vec::new());
        // Something else stands between the units: each is a transaction of its own.
        for _ in 0..10 {
            let unit = new_run();
            let (acknowledge, commit) = Commit::pending();
            jobs.push(Job::Unit { unit, acknowledge });
            commits.push(commit);
            let (answer, answered) = oneshot::channel();
            jobs.push(Job::Alone(Box::new(move |session, waited| {
                let outcome = session.transaction(waited, |_| Ok::<_, Fault>(()));
                answer.send(outcome.map_err(StoreError::from)).unwrap();
            })));
            others.push(answered);
        }

        let begun = Instant::now();
        process(&mut session, jobs, &mut Lineage::default());

        assert!(begun.elapsed() < Duration::from_secs(5));
        for commit in commits {
            assert!(matches!(commit.await, Err(StoreError::Busy { .. })));
        }
        for answered in others {
            assert!(matches!(answered.await, Ok(Err(StoreError::Busy { .. }))));
        }
    }
}
