//! What is done to runs from outside, whoever executes them.

use flow_engine_db::RunStatus;
use uuid::Uuid;

use super::Engine;
use super::recovery::{COMPLETED, refused};
use crate::definition::{Registration, find};
use crate::error::{Error, ErrorKind};
use crate::run::{CANCELLED, PAUSED};

impl Engine {
    /// Ends a run as `cancelled`, with all its sub-flows, whoever executes it.
    ///
    /// Once this returns it is on disk, and nothing more is recorded of the run but what it has paid. If this engine executes it,
    /// it is dropped at once, and its request to a model is aborted; another process does so as soon as it sees it, which it looks
    /// for about twenty times a second. Who awaits the run there gets [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). A run
    /// that is queued, waits or was interrupted is not executed any more.
    ///
    /// The id of a sub-flow's run stands for that of its root. Cancelling a run twice is harmless.
    ///
    /// ```
    /// # async fn example(engine: flow_engine::Engine, run_id: flow_engine::Uuid) -> Result<(), flow_engine::Error> {
    /// engine.cancel(run_id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`](crate::ErrorKind::NotResumable) if there is no such run, or it has completed or failed; or why
    /// the database cannot be written.
    pub async fn cancel(&self, run_id: Uuid) -> Result<(), Error> {
        let root = self.root_of(run_id).await?;
        let found = self.services.store.cancel(root, CANCELLED.to_owned());
        match found.await? {
            None => Err(refused(run_id, "cancelled", "there is no such run")),
            Some(RunStatus::Completed) => Err(refused(run_id, "cancelled", "it has completed")),
            Some(RunStatus::Failed) => Err(refused(run_id, "cancelled", "it has failed")),
            Some(_) => {
                let is_executed = self.services.leases.lose_run(root);
                self.services.watched.ring(root);
                if !is_executed {
                    self.services.announce_row(root).await;
                }
                Ok(())
            }
        }
    }

    /// Gives a run to the [workers](super::Worker) again: one that failed, was paused or interrupted, or whose process died.
    ///
    /// Once this returns it is queued, and a worker of any process goes on with it as [`resume`](Self::resume) does: what is recorded is
    /// not executed again, but for the failures of a *failed* run. From then on it is a background run: what it gives is in its row.
    /// One that is queued stays so.
    ///
    /// The id of a sub-flow's run stands for that of its root.
    ///
    /// ```
    /// # async fn example(engine: flow_engine::Engine, run_id: flow_engine::Uuid) -> Result<(), flow_engine::Error> {
    /// engine.retry(run_id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`](crate::ErrorKind::NotResumable) if there is no such run, it is being executed, waits, has completed
    /// or was cancelled; [`ErrorKind::InDoubt`](crate::ErrorKind::InDoubt) if nobody knows what became of an effect of it;
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if an input of its flow is secret, which no worker could read;
    /// or why the database cannot be written.
    pub async fn retry(&self, run_id: Uuid) -> Result<(), Error> {
        let root = self.root_of(run_id).await?;
        let refused = |reason: &str| Err(refused(run_id, "retried", reason));
        let Some(run) = self.find_run(root).await? else {
            return refused("there is no such run");
        };
        let definition = find(&run.flow_name).map(Registration::definition);
        if let Some(secret) = definition.and_then(|definition| definition.secrets.first()) {
            let message = format!(
                "the run {run_id} cannot be retried: the input `{secret}` of `{}` is secret, and so is not kept for a worker; \
                 `Engine::resume_with` takes the call again",
                run.flow_name
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let may_go_on = matches!(
            run.status,
            RunStatus::Running | RunStatus::Interrupted | RunStatus::Paused | RunStatus::Failed
        );
        if may_go_on && !self.in_doubt(root).await?.is_empty() {
            return Err(self.stands_in_doubt(root).await?);
        }
        let found = self.services.store.retry(root).await?;
        match found.map(|found| (found.status, found.is_held)) {
            None => refused("there is no such run"),
            Some((RunStatus::Completed, _)) => refused(COMPLETED),
            Some((RunStatus::Cancelled, _)) => refused("it is cancelled"),
            Some((RunStatus::InDoubt, _)) => Err(self.stands_in_doubt(root).await?),
            Some((RunStatus::Waiting, _)) => {
                refused("it waits for a time or a signal, and goes on by itself")
            }
            Some((RunStatus::Pending, _) | (_, false)) => {
                let percentage = run.progress_percentage;
                self.services
                    .announce_queued(root, &run.flow_name, percentage);
                self.services.queued.notify_one();
                Ok(())
            }
            Some((_, true)) => {
                refused("it is being executed; when it has ended, or is paused, it can be retried")
            }
        }
    }

    /// Stops a run so that it can go on later, whoever executes it.
    ///
    /// One that is queued, waits or was interrupted is `paused` when this returns. In one that is executed, nothing new starts from
    /// then on; the steps that are under way come to their ends, with what they call, and are recorded. Then the run is `paused`, and
    /// who awaits it gets [`ErrorKind::Paused`](crate::ErrorKind::Paused). This does not wait for that; a run that has nothing left
    /// to do comes to its end. Another process sees that it is to pause a run within about a twentieth of a second.
    ///
    /// No worker takes a paused run: [`resume`](Self::resume) goes on with it here, [`retry`](Self::retry) by a worker.
    ///
    /// The id of a sub-flow's run stands for that of its root. Pausing a run twice is harmless.
    ///
    /// ```
    /// # async fn example(engine: flow_engine::Engine, run_id: flow_engine::Uuid) -> Result<(), flow_engine::Error> {
    /// engine.pause(run_id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`](crate::ErrorKind::NotResumable) if there is no such run, or it has ended;
    /// [`ErrorKind::InDoubt`](crate::ErrorKind::InDoubt) if it has stopped since nobody knows what became of an effect of it; or why
    /// the database cannot be written.
    pub async fn pause(&self, run_id: Uuid) -> Result<(), Error> {
        let root = self.root_of(run_id).await?;
        let refused = |reason: &str| Err(refused(run_id, "paused", reason));
        let found = self.services.store.pause(root, PAUSED.to_owned()).await?;
        match found.map(|found| found.status) {
            None => refused("there is no such run"),
            Some(RunStatus::Completed) => refused("it has completed"),
            Some(RunStatus::Failed) => refused("it has failed"),
            Some(RunStatus::Cancelled) => refused("it is cancelled"),
            Some(RunStatus::InDoubt) => Err(self.stands_in_doubt(root).await?),
            Some(RunStatus::Running) => {
                self.services.leases.pause_run(root);
                Ok(())
            }
            Some(_) => {
                self.services.announce_row(root).await;
                Ok(())
            }
        }
    }

    pub(super) async fn stands_in_doubt(&self, root: Uuid) -> Result<Error, Error> {
        let doubt = self.doubt_about(root).await?;
        Ok(doubt.unwrap_or_else(|| {
            let reason =
                "it stands in doubt, and nothing of it is any more: `resume` goes on with it";
            refused(root, "waited for, retried or paused", reason)
        }))
    }
}
