//! The writer: a thread that takes whatever is queued, commits it as one, and answers everyone who
//! waits.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use tokio::sync::mpsc;

use super::{Gaps, Session, Waited, group};
use crate::{commit::Acknowledge, plan::Lineage, unit::Unit};

/// How many units become one transaction at most. More is not faster, and those who wait would wait
/// longer.
const BATCH: usize = 1024;

/// What is queued.
pub(crate) enum Job {
    Unit {
        unit: Unit,
        acknowledge: Acknowledge,
    },
    /// Told when everything before it is written, or has failed.
    Barrier(Arc<Passed>),
    /// What needs a transaction of its own, between the units before and behind it.
    Alone(Alone),
}

/// A barrier that stands in several queues: who waits is told when it has passed the last of them, by dropping it.
#[derive(Debug)]
pub(crate) struct Passed(Option<Acknowledge>);

impl Passed {
    pub(super) fn new(acknowledge: Acknowledge) -> Arc<Self> {
        Arc::new(Self(Some(acknowledge)))
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        if let Some(acknowledge) = self.0.take() {
            acknowledge.send(Ok(()));
        }
    }
}

/// It answers by itself to who waits for it.
pub(crate) type Alone = Box<dyn FnOnce(&mut Session, &mut Waited) + Send>;

/// The queue's end that the store holds, and the thread behind it.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` once it is closed: the thread ends when it has written what is left.
    queue: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(crate) fn spawn(session: Session) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let thread = thread::Builder::new()
            .name("flow-engine-db".to_owned())
            .spawn(move || run(receiver, session))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues a job, or gives it back if the writer is closed.
    pub(crate) fn send(&self, job: Job) -> Result<(), Job> {
        match &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => sender.send(job).map_err(|refused| refused.0),
            None => Err(job),
        }
    }

    /// Takes no more jobs.
    pub(crate) fn stop(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Waits until what was queued is written. Every caller waits: the first holds the lock until
    /// the thread has ended.
    pub(crate) fn join(&self) {
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
    let (mut lineage, mut gaps) = (Lineage::default(), Gaps::default());
    let mut batch = Vec::with_capacity(BATCH);
    // 0: the store is closed or dropped, and the queue is empty.
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        let jobs = std::mem::take(&mut batch);
        // A panic is a bug here or below. It costs this batch, whose waiters are told by their
        // dropped channels, and not all that come after it.
        if catch_unwind(AssertUnwindSafe(|| {
            process(&mut session, jobs, &mut lineage, &mut gaps);
        }))
        .is_err()
        {
            tracing::error!("the database writer panicked; what it was writing may be lost");
            session.discard();
        }
    }
}

pub(crate) fn process(
    session: &mut Session,
    jobs: Vec<Job>,
    lineage: &mut Lineage,
    gaps: &mut Gaps,
) {
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
            Job::Barrier(passed) => barriers.push(passed),
            Job::Alone(body) => {
                commit_units(
                    session,
                    &mut waited,
                    &mut units,
                    &mut waiting,
                    lineage,
                    gaps,
                );
                body(session, &mut waited);
            }
        }
    }
    commit_units(
        session,
        &mut waited,
        &mut units,
        &mut waiting,
        lineage,
        gaps,
    );
    drop(barriers);
}

fn commit_units(
    session: &mut Session,
    waited: &mut Waited,
    units: &mut Vec<Unit>,
    waiting: &mut Vec<Acknowledge>,
    lineage: &mut Lineage,
    gaps: &mut Gaps,
) {
    if units.is_empty() {
        return;
    }
    let outcomes = group::commit(session, waited, units, lineage, gaps);
    units.clear();
    for (acknowledge, outcome) in waiting.drain(..).zip(outcomes) {
        acknowledge.send(outcome);
    }
}
