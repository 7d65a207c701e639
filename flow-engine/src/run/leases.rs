//! The leases of the runs that an engine executes: renewed while they last, and the end of a run whose lease is lost.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flow_engine_db::{Lease, LeaseTerm, NewestLease, Store};
use futures::executor::block_on;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use crate::error::chain;
use crate::lock::lock;

/// How often a lease is renewed while it lasts.
const BEATS: u32 = 3;
const SHORTEST_BEAT: Duration = Duration::from_millis(5);
/// How often is looked whether a run was taken away on purpose, when it was cancelled, or is to be paused. One cheap query for all runs.
const LOOK: Duration = Duration::from_millis(50);
/// Looking takes at most one part in so many of the time, however many runs there are and however slow the database is.
const RARELY: u32 = 20;

/// The leases that an engine holds.
///
/// They are renewed by a thread of their own, so that a flow which computes for long and lets no other one have its turn is
/// not taken for dead.
#[derive(Debug)]
pub(crate) struct Leases {
    store: Arc<dyn Store>,
    term: LeaseTerm,
    shared: Arc<Shared>,
    /// Begun when a lease is held for the first time.
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Begun when a lease is held for the first time, and ended with this.
    looking: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Held>,
    /// There is something to renew, or nothing ever again.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    runs: HashMap<Uuid, Holder>,
    is_over: bool,
}

#[derive(Debug)]
struct Holder {
    lease: Lease,
    lost: watch::Sender<bool>,
    pausing: watch::Sender<bool>,
}

/// A lease that is renewed until this is dropped.
#[derive(Debug)]
pub(crate) struct Holding {
    shared: Arc<Shared>,
    lease: Lease,
    lost: watch::Receiver<bool>,
    pausing: watch::Receiver<bool>,
}

impl Leases {
    pub(crate) fn new(store: Arc<dyn Store>, term: LeaseTerm) -> Self {
        Self {
            store,
            term,
            shared: Arc::default(),
            thread: Mutex::default(),
            looking: Mutex::default(),
        }
    }

    /// Who holds them, and for how long.
    pub(crate) fn term(&self) -> LeaseTerm {
        self.term
    }

    /// The runs whose leases it renews.
    pub(crate) fn held(&self) -> Vec<Uuid> {
        lock(&self.shared.held).runs.keys().copied().collect()
    }

    /// Renews a lease from now on.
    pub(crate) fn hold(&self, lease: Lease) -> Holding {
        let (sender, lost) = watch::channel(false);
        let (asks, pausing) = watch::channel(false);
        let holder = Holder {
            lease,
            lost: sender,
            pausing: asks,
        };
        let mut held = lock(&self.shared.held);
        held.runs.insert(lease.root_run_id, holder);
        if held.runs.len() == 1 {
            self.shared.changed.notify_one();
        }
        drop(held);
        self.begin();
        self.look();
        Holding {
            shared: Arc::clone(&self.shared),
            lease,
            lost,
            pausing,
        }
    }

    /// Begins to look, unless somebody does. Without a runtime it is left to the renewal to find out; so it is for a while when the
    /// runtime ends in which this looks, and others go on.
    fn look(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut looking = lock(&self.looking);
        if looking
            .as_ref()
            .is_none_or(tokio::task::JoinHandle::is_finished)
        {
            let task = look(Arc::downgrade(&self.store), Arc::clone(&self.shared));
            *looking = Some(runtime.spawn(task));
        }
    }

    /// Says that a run was taken away, and whether this engine executes it.
    pub(crate) fn lose_run(&self, root_run_id: Uuid) -> bool {
        let held = lock(&self.shared.held);
        let holder = held.runs.get(&root_run_id);
        if let Some(holder) = holder {
            holder.lost.send_replace(true);
        }
        holder.is_some()
    }

    /// Asks to pause a run, if this engine executes it.
    pub(crate) fn pause_run(&self, root_run_id: Uuid) {
        let held = lock(&self.shared.held);
        if let Some(holder) = held.runs.get(&root_run_id) {
            holder.pausing.send_replace(true);
        }
    }

    /// Says that a lease is lost, as a write has shown.
    pub(crate) fn lose(&self, lease: Lease) {
        self.shared.lose(&[lease]);
    }

    fn begin(&self) {
        let mut thread = lock(&self.thread);
        if thread.is_some() {
            return;
        }
        let (store, term) = (Arc::clone(&self.store), self.term);
        let shared = Arc::clone(&self.shared);
        let begun = thread::Builder::new()
            .name("flow-engine-leases".to_owned())
            .spawn(move || renew(&*store, term, &shared));
        match begun {
            Ok(begun) => *thread = Some(begun),
            // The next run tries again. Until then others may take this one over, which costs what is asked for twice.
            Err(error) => {
                tracing::error!(%error, "leases cannot be renewed: there is no thread to be had");
            }
        }
    }
}

/// Waited for: the thread has the store, which is closed with its last owner.
impl Drop for Leases {
    fn drop(&mut self) {
        if let Some(looking) = lock(&self.looking).take() {
            looking.abort();
        }
        lock(&self.shared.held).is_over = true;
        self.shared.changed.notify_one();
        if let Some(Err(_panic)) = lock(&self.thread).take().map(JoinHandle::join) {
            tracing::error!("the thread that renews leases panicked");
        }
    }
}

/// Renews what is held, as long as there is an engine.
fn renew(store: &dyn Store, term: LeaseTerm, shared: &Shared) {
    let beat = (term.duration / BEATS).max(SHORTEST_BEAT);
    loop {
        let Some(leases) = shared.due(beat) else {
            return;
        };
        match block_on(store.renew(leases, term)) {
            Ok(lost) => shared.lose(&lost),
            // Whether they are lost is known when the database is back: until then nothing can be recorded anyway.
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "the leases of runs could not be renewed"
                );
            }
        }
    }
}

/// Looks whether what is held is still this engine's, and is to go on. It does not keep the store open.
async fn look(store: Weak<dyn Store>, shared: Arc<Shared>) {
    let mut pause = LOOK;
    loop {
        sleep(pause).await;
        let held: HashMap<Uuid, Lease> = {
            let held = lock(&shared.held);
            let leases = held.runs.iter().map(|(run, holder)| (*run, holder.lease));
            leases.collect()
        };
        let Some(store) = store.upgrade() else {
            return;
        };
        // Not ended when nothing is held: the next run may begin at this moment. It costs no query.
        if held.is_empty() {
            pause = LOOK;
            continue;
        }
        let begun = Instant::now();
        match store.newest_leases(held.keys().copied().collect()).await {
            Ok(newest) => {
                let is_newer = |newest: &NewestLease| {
                    let held = held.get(&newest.lease.root_run_id).copied();
                    held.filter(|held| held.epoch < newest.lease.epoch)
                };
                let lost: Vec<Lease> = newest.iter().filter_map(is_newer).collect();
                shared.lose(&lost);
                shared.pause(newest.iter().filter(|newest| newest.pause_requested));
            }
            // Renewing them says so, too.
            Err(error) => tracing::debug!(
                error = chain(&error),
                "the leases of runs could not be read"
            ),
        }
        pause = LOOK.max(begun.elapsed() * RARELY);
    }
}

impl Shared {
    /// Waits for a beat in which something is held; `None` if nothing ever will be.
    fn due(&self, beat: Duration) -> Option<Vec<Lease>> {
        let mut held = lock(&self.held);
        loop {
            let idle = |held: &mut Held| held.runs.is_empty() && !held.is_over;
            held = self
                .changed
                .wait_while(held, idle)
                .unwrap_or_else(PoisonError::into_inner);
            let lasts = |held: &mut Held| !held.is_over;
            (held, _) = self
                .changed
                .wait_timeout_while(held, beat, lasts)
                .unwrap_or_else(PoisonError::into_inner);
            if held.is_over {
                return None;
            }
            if !held.runs.is_empty() {
                return Some(held.runs.values().map(|holder| holder.lease).collect());
            }
        }
    }

    fn pause<'a>(&self, asked: impl Iterator<Item = &'a NewestLease>) {
        let held = lock(&self.held);
        for NewestLease { lease, .. } in asked {
            let holder = held.runs.get(&lease.root_run_id);
            if let Some(holder) = holder.filter(|holder| holder.lease == *lease) {
                holder.pausing.send_replace(true);
            }
        }
    }

    fn lose(&self, lost: &[Lease]) {
        let held = lock(&self.held);
        for lease in lost {
            let holder = held.runs.get(&lease.root_run_id);
            if let Some(holder) = holder.filter(|holder| holder.lease == *lease) {
                holder.lost.send_replace(true);
            }
        }
    }
}

impl Holding {
    pub(crate) fn lease(&self) -> Lease {
        self.lease
    }

    /// Whether the run is to be paused.
    pub(crate) fn pausing(&self) -> watch::Receiver<bool> {
        self.pausing.clone()
    }

    /// Waits until the lease is lost.
    pub(crate) async fn lost(&mut self) {
        if self.lost.wait_for(|lost| *lost).await.is_err() {
            // Another holding took its place.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut held = lock(&self.shared.held);
        if let Entry::Occupied(holder) = held.runs.entry(self.lease.root_run_id)
            && holder.get().lease == self.lease
        {
            holder.remove();
        }
    }
}
