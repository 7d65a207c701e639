//! Runs that are executed while their caller goes on, and what the caller keeps of them.

use std::fmt;
use std::marker::PhantomData;

use flow_engine_db::{ExecutionMode, FlowRun, Lease, RunStatus};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::recovery::refused;
use super::{Engine, Events};
use crate::call::{Call, Executed as _};
use crate::error::{Error, ErrorKind};
use crate::run::{CANCELLED, Claim, RunRequest};

/// A run that is executed somewhere: [`RunRequest::spawn`] and [`Engine::handle`] give it.
///
/// A clone is of the same run. Dropping it changes nothing: the run goes on.
pub struct RunHandle<C> {
    engine: Engine,
    run_id: Uuid,
    call: PhantomData<fn() -> C>,
}

impl<C> Clone for RunHandle<C> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            run_id: self.run_id,
            call: PhantomData,
        }
    }
}

impl<C> fmt::Debug for RunHandle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHandle")
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}

impl<C: Call> RunHandle<C> {
    fn new(engine: Engine, run_id: Uuid) -> Self {
        Self {
            engine,
            run_id,
            call: PhantomData,
        }
    }

    /// The run: `flow_runs.id`.
    pub fn id(&self) -> Uuid {
        self.run_id
    }

    /// Where the run stands.
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`] if it was deleted; or why the database cannot be read.
    pub async fn status(&self) -> Result<RunStatus, Error> {
        Ok(self.row().await?.status)
    }

    /// Waits for the end of the run, whichever process executes it, and gives what it gave, as its row has it. An end in this
    /// process is told at once, one in another within about half a second. Waiting again gives the same again.
    ///
    /// # Errors
    /// Why the run failed, in the words of its row, as [`ErrorKind::Failed`]; [`ErrorKind::Cancelled`] if it was cancelled. Before its end:
    /// [`ErrorKind::Paused`] and [`ErrorKind::InDoubt`] if it waits for a person, and [`ErrorKind::NotResumable`] if it was interrupted
    /// and no worker goes on with it, since it was executed by a caller, or if it was deleted. Then, or if the database cannot be
    /// read, it can be waited for again.
    pub async fn wait(&self) -> Result<C::Executed, Error> {
        let mut watching = self.engine.watching(self.run_id);
        loop {
            let row = self.row().await?;
            let error = |kind, message: &str| {
                let message = row.error_message.as_deref().unwrap_or(message);
                Error::new(kind, message).in_flow(&row.flow_name, row.id)
            };
            match row.status {
                RunStatus::Completed => {
                    let done = self.engine.recorded_end(&row, C::definition()).await?;
                    return Ok(C::Executed::of(done));
                }
                RunStatus::Failed => {
                    let message = row.error_message.unwrap_or_default();
                    return Err(Error::new(ErrorKind::Failed, message).of_run(row.id));
                }
                RunStatus::Cancelled => return Err(error(ErrorKind::Cancelled, CANCELLED)),
                RunStatus::Paused => return Err(error(ErrorKind::Paused, "the run is paused")),
                RunStatus::InDoubt => return Err(self.engine.stands_in_doubt(row.id).await?),
                RunStatus::Interrupted if row.execution_mode == ExecutionMode::Sync => {
                    let reason = "it was interrupted, and no worker goes on with what its caller executed; `resume` does";
                    return Err(refused(row.id, "waited for", reason));
                }
                // Somebody executes it, or is about to.
                _ => self.engine.look_again(&mut watching).await?,
            }
        }
    }

    /// Follows the run to its end: see [`Engine::watch`].
    ///
    /// # Errors
    /// As for [`Engine::watch`].
    pub async fn watch(&self) -> Result<Events, Error> {
        self.engine.watch(self.run_id).await
    }

    /// Ends the run: see [`Engine::cancel`].
    ///
    /// # Errors
    /// As for [`Engine::cancel`].
    pub async fn cancel(&self) -> Result<(), Error> {
        self.engine.cancel(self.run_id).await
    }

    async fn row(&self) -> Result<FlowRun, Error> {
        let row = self.engine.find_run(self.run_id).await?;
        row.ok_or_else(|| refused(self.run_id, "waited for", "there is no such run"))
    }
}

impl Engine {
    /// A handle on a run that is known by its id, such as one that was [queued](RunRequest::enqueue), or that another process has
    /// spawned.
    ///
    /// ```
    /// # use flow_engine::prelude::*;
    /// # #[flow]
    /// # async fn digest(articles: Vec<String>) -> Result<usize> { Ok(articles.len()) }
    /// # async fn example(engine: Engine, run_id: flow_engine::Uuid) -> Result<()> {
    /// let articles: usize = engine.handle::<Digest>(run_id).await?.wait().await?.output_content;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`] if there is no such run, it is of another flow, or it is a part of another run.
    pub async fn handle<C: Call>(&self, run_id: Uuid) -> Result<RunHandle<C>, Error> {
        let handle = RunHandle::new(self.clone(), run_id);
        let row = handle.row().await?;
        let wanted = C::definition().name();
        if row.flow_name != wanted {
            let reason = format!("it is of `{}`, not of `{wanted}`", row.flow_name);
            return Err(refused(run_id, "waited for", &reason));
        }
        if !row.is_root() {
            let reason = format!("it is a part of the run {}", row.root_run_id);
            return Err(refused(run_id, "waited for", &reason));
        }
        Ok(handle)
    }

    /// Executes a run that this engine has spawned, up to where it ends or leaves memory.
    async fn execute_spawned(self, run_id: Uuid, claim: Claim) {
        let engine = self.clone();
        let has_ended = engine.execute_queued(Lease::first(run_id), Some(claim));
        if !has_ended.await {
            self.keep(run_id);
        }
    }
}

impl<C: Call> RunRequest<C> {
    /// Starts the run on a task of this process, and gives a handle on it once it is on disk.
    ///
    /// It is a background run from its beginning: if this process dies, a [worker](crate::Worker) of any other goes on with it. While
    /// it only waits it leaves memory, and is executed again when it is to go on: by this engine as long as there is one, or by a
    /// worker.
    ///
    /// ```
    /// # use flow_engine::prelude::*;
    /// # #[flow]
    /// # async fn digest(articles: Vec<String>) -> Result<usize> { Ok(articles.len()) }
    /// # async fn example(engine: Engine, articles: Vec<String>) -> Result<()> {
    /// let handle = engine.run(digest(articles)).spawn().await?;
    /// println!("{} has begun", handle.id());
    /// let digest = handle.wait().await?;
    /// println!("{} articles", digest.output_content);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With an [idempotency key](Self::idempotency_key) that a run has already, the handle is on that run, and nothing is started.
    ///
    /// # Errors
    /// When the inputs do not hold, or some are secret: who takes the run over reads them in its row, where no secret is kept. When a
    /// `priority` or a `start_at` was given, which are for queued runs. When this is no tokio runtime. Or why the run could not be
    /// recorded.
    pub fn spawn(self) -> BoxFuture<'static, Result<RunHandle<C>, Error>> {
        async move {
            let runtime = Handle::try_current().map_err(|_none| {
                let message =
                    "a run is spawned on a tokio runtime, and here is none: use `#[tokio::main]`";
                Error::new(ErrorKind::Configuration, message)
            })?;
            // Dropped half-way, a run that is on disk would be nobody's until its lease ends.
            runtime
                .spawn(begin(self))
                .await
                .unwrap_or_else(|broken_off| {
                    let message = format!("the run could not be spawned: {broken_off}");
                    Err(Error::new(ErrorKind::Panicked, message))
                })
        }
        .boxed()
    }
}

async fn begin<C: Call>(request: RunRequest<C>) -> Result<RunHandle<C>, Error> {
    let services = request.services();
    let engine = Engine { services };
    let (run_id, claim) = request.begin().await?;
    if let Some(claim) = claim {
        tokio::spawn(engine.clone().execute_spawned(run_id, claim));
    }
    Ok(RunHandle::new(engine, run_id))
}
