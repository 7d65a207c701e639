//! Reading back what runs did.

use flow_engine_db::{FlowRun, FlowStepRun, LlmRequest, RunFilter, Store};
use uuid::Uuid;

use super::Engine;
use crate::error::{Error, ErrorKind};

impl Engine {
    /// The store, once it holds what this engine has written so far: the end of a run that was just dropped, too.
    pub(super) async fn store(&self) -> &dyn Store {
        // A closed store takes no more writes, and holds them all.
        let _closed = self.services.store.barrier().await;
        &*self.services.store
    }

    /// A run by its id; `None` if there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_run(&self, id: Uuid) -> Result<Option<FlowRun>, Error> {
        Ok(self.store().await.run(id).await?)
    }

    /// Runs by user, status or flow, newest first, a page at a time.
    ///
    /// ```
    /// # async fn example(engine: flow_engine::Engine) -> Result<(), flow_engine::Error> {
    /// use flow_engine::{RunFilter, RunStatus};
    ///
    /// let failed = RunFilter { status: Some(RunStatus::Failed), limit: 20, ..RunFilter::default() };
    /// for run in engine.runs(failed).await? {
    ///     println!("{} {}: {}", run.id, run.flow_name, run.error_message.unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn runs(&self, filter: RunFilter) -> Result<Vec<FlowRun>, Error> {
        Ok(self.store().await.runs(filter).await?)
    }

    /// The steps of a run, in the order in which they started; those of a sub-flow are found by the sub-flow's own run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn steps_of(&self, run_id: Uuid) -> Result<Vec<FlowStepRun>, Error> {
        Ok(self.store().await.steps(run_id).await?)
    }

    /// The requests of a run's steps, in the order in which they were sent; without those of sub-flows, as above.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn requests_of(&self, run_id: Uuid) -> Result<Vec<LlmRequest>, Error> {
        Ok(self.store().await.requests(run_id).await?)
    }

    /// Deletes a run with its steps, requests and sub-flows. False if there was none. What still runs of it fails. Its images are
    /// deleted by the next [`prune`](Self::prune), if no other run names them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is a sub-flow's run, without which its root would do again what is recorded in it. When the
    /// database cannot be written.
    pub async fn delete_run(&self, id: Uuid) -> Result<bool, Error> {
        if let Some(run) = self.find_run(id).await?
            && !run.is_root()
        {
            let message = format!(
                "the run {id} is a part of the run {}, which knows by it what is done: delete that one, with all its parts",
                run.root_run_id
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let is_deleted = self.services.store.delete_run(id).await?;
        if is_deleted {
            self.services.announce_row(id).await;
        }
        Ok(is_deleted)
    }
}
