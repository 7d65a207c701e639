//! One task for each engine that asks the database about all runs that somebody in this process waits for, in one query.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use flow_engine_db::{Lease, RunStatus};
use tokio::runtime::Handle;
use tokio::time::sleep;
use uuid::Uuid;

use super::Engine;
use crate::error::{Error, chain};
use crate::run::{Claim, Services, Watching};

/// How often it asks. What ends in this process is told at once.
const INTERVAL: Duration = Duration::from_millis(500);
/// Asking takes at most one part in so many of the time.
const RARELY: u32 = 20;

impl Engine {
    /// Waits for changes of a run.
    pub(super) fn watching(&self, run_id: Uuid) -> Watching {
        let watching = self.services.watched.wait_for(run_id);
        self.begin_watching();
        watching
    }

    /// Waits until it is time to look at a run again. An error once the engine is closed: nothing is told of it any more.
    pub(super) async fn look_again(&self, watching: &mut Watching) -> Result<(), Error> {
        self.services.store.barrier().await?;
        watching.changed().await;
        Ok(())
    }

    /// Goes on with a run whenever it is due, so that no worker is needed.
    pub(super) fn keep(&self, run_id: Uuid) {
        self.services.watched.keep(run_id);
        self.begin_watching();
    }

    fn begin_watching(&self) {
        if let Ok(runtime) = Handle::try_current() {
            let task = || runtime.spawn(watch(Arc::downgrade(&self.services)));
            self.services.watched.begin(task);
        }
    }

    async fn go_on_with(self, run_id: Uuid) {
        match self.taken_again(run_id).await {
            Ok(Some((claim, lease))) => {
                self.execute_queued(lease, Some(claim)).await;
            }
            // A worker was faster, or it has ended.
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(run = %run_id, error = chain(&error), "a background run that is due could not be taken");
            }
        }
    }

    async fn taken_again(&self, run_id: Uuid) -> Result<Option<(Claim, Lease)>, Error> {
        match self.find_run(run_id).await? {
            Some(run)
                if matches!(
                    run.status,
                    RunStatus::Pending
                        | RunStatus::Running
                        | RunStatus::Waiting
                        | RunStatus::Interrupted
                ) =>
            {
                self.free(&run).await
            }
            _ => Ok(None),
        }
    }
}

/// It does not keep the engine: who spawned a run may forget both.
async fn watch(services: Weak<Services>) {
    let mut pause = INTERVAL;
    loop {
        sleep(pause).await;
        let Some(services) = services.upgrade() else {
            return;
        };
        let Some(asked) = services.watched.asked() else {
            return;
        };
        let begun = Instant::now();
        match services.store.standings(asked.clone()).await {
            Ok(standings) => {
                for run_id in services.watched.saw(&asked, &standings) {
                    let services = Arc::clone(&services);
                    tokio::spawn(Engine { services }.go_on_with(run_id));
                }
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "where runs stand could not be read");
            }
        }
        pause = INTERVAL.max(begun.elapsed() * RARELY);
    }
}
