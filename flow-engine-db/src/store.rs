//! The [`Store`] trait: what the runtime asks of a database.

use std::{fmt::Debug, pin::Pin};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    BackgroundFilter, Commit, FlowRun, FlowStepRun, Journal, JournalStep, Lease, LeaseTerm,
    LlmRequest, RunFork, RunStatus, StoreError, Write,
};

/// A future on the heap, as the object-safe [`Store`] returns it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A database that keeps runs, step runs and attempts.
///
/// Writes go through one queue; whatever waits in it is committed as one transaction. A read sees
/// everything that was acknowledged before it began.
pub trait Store: Send + Sync + Debug + 'static {
    /// Queues `writes` as one unit that belongs to the root run of `lease`: they are committed together or
    /// not at all, after everything submitted before them.
    ///
    /// They are queued when this returns, so it may be called from `drop`. The future resolves when
    /// they are on disk; dropping it takes nothing back, and a failure that nobody waits for is
    /// logged. The queue has no limit of its own: it stays short because each flow waits for its
    /// finishes.
    ///
    /// It is written only if `lease` is the newest of the run, also when its time is over: nobody else has
    /// taken the run then. Two kinds of units are written in any case: one that starts the root run itself,
    /// whose [`NewRun::lease`](crate::NewRun::lease) gives the first lease, and one that holds nothing but
    /// [`SendRequest`](Write::SendRequest) and [`FinishRequest`](Write::FinishRequest), because what was paid
    /// is recorded.
    ///
    /// # Errors
    ///
    /// The future resolves to [`LeaseLost`](StoreError::LeaseLost) if another lease of the root run was given
    /// since, or if the run is gone, to [`NotOpen`](StoreError::NotOpen) if a row to be changed is finished
    /// or gone, to [`Closed`](StoreError::Closed) after [`close`](Self::close), to
    /// [`Busy`](StoreError::Busy) or [`Query`](StoreError::Query) if the database failed. A unit
    /// that fails leaves no trace, and its neighbours are committed all the same.
    fn submit(&self, lease: Lease, writes: Vec<Write>) -> Commit;

    /// Resolves when everything submitted before it is on disk or has failed, which is told to those units
    /// and not here. It costs no commit; a read that comes after it sees all that was queued before.
    ///
    /// # Errors
    ///
    /// [`Closed`](StoreError::Closed) after [`close`](Self::close).
    fn barrier(&self) -> Commit;

    /// Takes the lease of a root run if nobody holds it, if it has expired, or if `term.owner` holds it
    /// already: the epoch is raised, and what is submitted under an older lease of the run is refused from
    /// then on. `None` if another owner holds it, or if there is no root run of this id.
    ///
    /// The status of the run does not matter and stays. It takes its turn behind everything submitted before,
    /// as [`acquire_background`](Self::acquire_background) and [`renew`](Self::renew) do. A lease that is taken
    /// for no time can be taken by everybody, which is how to give one back.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn acquire(
        &self,
        run_id: Uuid,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Option<Lease>, StoreError>>;

    /// Takes the leases of background runs that can be executed now: of root runs in
    /// [`Background`](crate::ExecutionMode::Background) mode which are pending, whose
    /// [`start_at`](FlowRun::start_at) has come and whom nobody has taken, of those which are running or
    /// waiting and whose lease has expired, and of those which were interrupted. The highest
    /// [`priority`](FlowRun::priority) comes first, then the oldest.
    ///
    /// Several processes that ask at the same time never get the same run. What `term.owner` itself took is given to it
    /// again when its time is over, unless it says that it still executes the run
    /// ([`except`](BackgroundFilter::except)): it may have been gone before it could begin.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn acquire_background(
        &self,
        wanted: BackgroundFilter,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>>;

    /// Renews those of `leases` that `term.owner` still holds at their epoch, all at once, and records the
    /// moment as the runs' [`last_heartbeat`](FlowRun::last_heartbeat). It gives back the others, which are
    /// lost: another owner has taken the run, it has ended, or it was deleted. A lease that has expired but
    /// that nobody has taken is renewed.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn renew(
        &self,
        leases: Vec<Lease>,
        term: LeaseTerm,
    ) -> BoxFuture<'_, Result<Vec<Lease>, StoreError>>;

    /// The run with this id.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable).
    fn run(&self, id: Uuid) -> BoxFuture<'_, Result<Option<FlowRun>, StoreError>>;

    /// The runs that match `filter`, newest first. Sub-runs are runs of their own in this list;
    /// [`roots_only`](RunFilter::roots_only) leaves them out.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable). One row that cannot be
    /// read refuses the whole page: its JSON was damaged, or is nested more than 127 levels deep. The
    /// error names it. The runs older than it are listed with its id as
    /// [`before`](RunFilter::before), the newer ones with a [`limit`](RunFilter::limit) that ends in
    /// front of it.
    fn runs(&self, filter: RunFilter) -> BoxFuture<'_, Result<Vec<FlowRun>, StoreError>>;

    /// The step runs of a run in the order they started. Those of a sub-run are listed under its own
    /// id; [`parent_run_id`](RunFilter::parent_run_id) finds the sub-runs of a run.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable).
    fn steps(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<FlowStepRun>, StoreError>>;

    /// The attempts of a run in the order they were sent. Those of a sub-run are listed under its own
    /// id, as its step runs are.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable).
    fn requests(&self, run_id: Uuid) -> BoxFuture<'_, Result<Vec<LlmRequest>, StoreError>>;

    /// The attempt with this id.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable).
    fn request(&self, id: Uuid) -> BoxFuture<'_, Result<Option<LlmRequest>, StoreError>>;

    /// What was recorded in the tree of a root run, all of it as of one moment. It is empty if no
    /// root run has this id: a sub-run is in the journal of its root.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable). The JSON of step runs
    /// is not parsed, and so is never the reason.
    fn journal(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Journal, StoreError>>;

    /// Of the step runs with this cache key that completed at `since` or later the one that did last.
    /// Those that took their output from another run are left out: they do not make it younger.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable).
    fn cached_step(
        &self,
        cache_key: &str,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<JournalStep>, StoreError>>;

    /// Where this run was forked from, if it was.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query).
    fn fork(&self, run_id: Uuid) -> BoxFuture<'_, Result<Option<RunFork>, StoreError>>;

    /// Deletes a run with its step runs, attempts and sub-runs, and says whether there was one.
    ///
    /// It takes its turn behind everything submitted before. A root run that is still executed finds
    /// its next unit [`LeaseLost`](StoreError::LeaseLost), a sub-run its next write
    /// [`NotOpen`](StoreError::NotOpen).
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn delete_run(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Deletes root runs that have ended, each with all that is below it, and says how many: at most
    /// [`limit`](PruneFilter::limit) of them, in one transaction. 0 when there are no more.
    ///
    /// A run whose lease lasts is left alone: it is about to run again. It takes its turn behind everything
    /// submitted before.
    ///
    /// # Errors
    ///
    /// [`NotEnded`](StoreError::NotEnded) for a status of runs that are open. Else, as for
    /// [`submit`](Self::submit).
    fn prune(&self, filter: PruneFilter) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Artifacts that runs named which are deleted, and that no other run names, in the order of their names: at most
    /// `limit` of those behind `after`. They are told again until they are
    /// [forgotten](Self::forget_artifacts).
    ///
    /// It takes its turn behind everything submitted before.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn free_artifacts(
        &self,
        after: &str,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// Forgets that runs which are deleted have named these artifacts: they are deleted, too.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn forget_artifacts(&self, artifacts: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Waits until everything queued is on disk, and stops the writer. Later submits are
    /// [`Closed`](StoreError::Closed); reads go on.
    ///
    /// Dropping the last handle does the same, but blocks its thread meanwhile. Closing twice is
    /// harmless.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// The path of the database, or its URL without a password: for messages.
    fn location(&self) -> &str;
}

/// Which runs [`Store::runs`] lists: those that match every field that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Runs for this user.
    pub user_id: Option<Uuid>,
    /// Runs that stand here.
    pub status: Option<RunStatus>,
    /// Runs of this flow.
    pub flow_name: Option<String>,
    /// Sub-runs that this run called.
    pub parent_run_id: Option<Uuid>,
    /// Only runs that no other run called.
    pub roots_only: bool,
    /// Only runs older than this one: the id of the last run of the page before. It stays fast
    /// however deep the page is.
    pub before: Option<Uuid>,
    /// How many runs at most.
    pub limit: u32,
    /// How many runs of the list to leave out first.
    pub offset: u32,
}

/// Which runs [`Store::prune`] deletes: root runs that ended with one of the statuses, before a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneFilter {
    /// Runs whose [`completed_at`](FlowRun::completed_at) is before this.
    pub ended_before: DateTime<Utc>,
    /// Runs that stand at one of these; of none, if there is none. All of them are ends.
    pub statuses: Vec<RunStatus>,
    /// How many root runs at most. Each is deleted with all that is below it.
    pub limit: u32,
}

impl PruneFilter {
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn open_status(&self) -> Option<RunStatus> {
        let mut statuses = self.statuses.iter().copied();
        statuses.find(|status| status.is_open())
    }
}

impl Default for RunFilter {
    /// The newest 50 runs.
    fn default() -> Self {
        Self {
            user_id: None,
            status: None,
            flow_name: None,
            parent_run_id: None,
            roots_only: false,
            before: None,
            limit: 50,
            offset: 0,
        }
    }
}
