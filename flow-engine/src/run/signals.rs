//! The runs of this process that wait for signals in memory, and who tells them that one has come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use flow_engine_db::Store;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

use crate::error::chain;
use crate::lock::lock;

/// How often it is looked for signals that other processes have told.
const POLL: Duration = Duration::from_millis(500);

/// Tells the waiting runs of an engine of their signals: at once of what this engine is told, and soon of the rest. All of them
/// share one query.
#[derive(Debug)]
pub(crate) struct Signals {
    store: Arc<dyn Store>,
    listening: Mutex<Listening>,
}

#[derive(Debug, Default)]
struct Listening {
    roots: HashMap<Uuid, (Arc<Notify>, usize)>,
    is_polled: bool,
    /// It is finished, too, if its runtime is gone.
    poller: Option<JoinHandle<()>>,
}

impl Signals {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            listening: Mutex::default(),
        }
    }

    /// Listens to what a root run is told, from now on. On a tokio runtime.
    pub(super) fn listen(self: &Arc<Self>, root: Uuid) -> Listener {
        let mut listening = lock(&self.listening);
        let (bell, listeners) = listening.roots.entry(root).or_default();
        *listeners += 1;
        let bell = Arc::clone(bell);
        let is_gone = listening
            .poller
            .as_ref()
            .is_none_or(JoinHandle::is_finished);
        if !listening.is_polled || is_gone {
            listening.is_polled = true;
            listening.poller = Some(tokio::spawn(poll(Arc::downgrade(self))));
        }
        Listener {
            signals: Arc::clone(self),
            root,
            bell,
        }
    }

    /// A root run was told something.
    pub(crate) fn ring(&self, root: Uuid) {
        if let Some((bell, _)) = lock(&self.listening).roots.get(&root) {
            bell.notify_waiters();
        }
    }

    /// The runs that listen; if there is none, nobody looks for them any more.
    fn polled(&self) -> Vec<Uuid> {
        let mut listening = lock(&self.listening);
        listening.is_polled = !listening.roots.is_empty();
        listening.roots.keys().copied().collect()
    }
}

/// As long as somebody listens.
async fn poll(signals: Weak<Signals>) {
    loop {
        sleep(POLL).await;
        let Some(signals) = signals.upgrade() else {
            return;
        };
        let roots = signals.polled();
        if roots.is_empty() {
            return;
        }
        match signals.store.signalled(roots).await {
            Ok(told) => told.into_iter().for_each(|root| signals.ring(root)),
            Err(error) => tracing::warn!(error = chain(&error), "signals could not be looked for"),
        }
    }
}

/// Hears what a root run is told, until it is dropped.
pub(super) struct Listener {
    signals: Arc<Signals>,
    root: Uuid,
    bell: Arc<Notify>,
}

impl Listener {
    /// The next time that something is told after this was called.
    pub(super) fn told(&self) -> impl Future<Output = ()> + '_ {
        self.bell.notified()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listening = lock(&self.signals.listening);
        if let Some((_, listeners)) = listening.roots.get_mut(&self.root) {
            *listeners -= 1;
            if *listeners == 0 {
                listening.roots.remove(&self.root);
            }
        }
    }
}
