//! The [`Store`] trait: what the runtime asks of a database.

use std::{fmt::Debug, pin::Pin};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    BackgroundFilter, Commit, FlowRun, FlowStepRun, FoundRun, Journal, JournalStep, Lease,
    LeaseTerm, LlmRequest, NewSignal, NewestLease, Outline, PruneFilter, RunFilter, RunFork,
    RunStatus, ScheduleAdvance, Schedules, Signal, Standings, StoreError, Write,
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
    /// then on. `None` if another owner holds it, if the run has ended for good
    /// ([completed](RunStatus::Completed) or [cancelled](RunStatus::Cancelled)), or if there is no root run of this id.
    ///
    /// The status of the run stays. It takes its turn behind everything submitted before,
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
    /// [`start_at`](FlowRun::start_at) has come and whom nobody has taken, of those which are running and whose lease has
    /// expired, of those which were interrupted, and of those which are waiting and whose
    /// [`wake_at`](FlowRun::wake_at) has come. The highest
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

    /// Ends a root run as `cancelled`, whoever executes it, with all that is open below it, in one transaction: it is
    /// given `message` as its [`error_message`](FlowRun::error_message). Its lease is taken away: what is submitted under that
    /// from then on is [`LeaseLost`](StoreError::LeaseLost), but for what was sent and answered.
    ///
    /// Gives the status in which it found the run; `None` if there is no such root run. One that has completed, failed or was
    /// cancelled stays as it is. It takes its turn behind everything submitted before for the run.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn cancel(
        &self,
        root_run_id: Uuid,
        message: String,
    ) -> BoxFuture<'_, Result<Option<RunStatus>, StoreError>>;

    /// Queues a root run for the workers that has failed, is paused or was interrupted, or whose process died while it was
    /// [`Running`](RunStatus::Running), in one transaction: it is [`Pending`](RunStatus::Pending) and in
    /// [`Background`](crate::ExecutionMode::Background) mode then, without its end. The failed steps of a failed run, and those below
    /// it, lose their call keys, but for those with a [`once_key`](JournalStep::once_key). It is taken away from whoever had it.
    ///
    /// Gives how it found the run; `None` if there is no such root run. One that somebody has, and one with any other status, stays as
    /// it is. It takes its turn behind everything submitted before for the run.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn retry(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Option<FoundRun>, StoreError>>;

    /// Pauses a root run, in one transaction. If somebody has it and it is [`Running`](RunStatus::Running), this asks for it:
    /// [`newest_leases`](Self::newest_leases) says so to who has it, until the run is [parked](crate::RunPark) as
    /// [`Paused`](RunStatus::Paused), or taken by [`acquire`](Self::acquire); who parks it as
    /// [`Waiting`](RunStatus::Waiting) meanwhile has paused it. One that is queued, waits, was interrupted, or whose process died
    /// becomes [`Paused`](RunStatus::Paused) at once, with the open runs below it; it is given `message` as its
    /// [`error_message`](FlowRun::error_message), and taken away from whoever had it.
    ///
    /// Gives how it found the run; `None` if there is no such root run. One with any other status stays as it is. It takes its
    /// turn behind everything submitted before for the run.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn pause(
        &self,
        root_run_id: Uuid,
        message: String,
    ) -> BoxFuture<'_, Result<Option<FoundRun>, StoreError>>;

    /// The newest lease of each of these root runs, whoever had it, and whether it was asked to pause. Runs that
    /// are not there are left out. It waits for nothing that is queued.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query).
    fn newest_leases(
        &self,
        root_run_ids: Vec<Uuid>,
    ) -> BoxFuture<'_, Result<Vec<NewestLease>, StoreError>>;

    /// Where these runs stand, and what time it is by the clock of the database: one query for all of them, so that who waits
    /// for many runs asks as often as for one. Runs that are not there are left out. It waits for nothing that is queued.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable).
    fn standings(&self, run_ids: Vec<Uuid>) -> BoxFuture<'_, Result<Standings, StoreError>>;

    /// How far a root run is, with its sub-runs and the step runs of all of them, as of one moment and in the order in which they
    /// began: what there is to show of it, without inputs and outputs. What the [engine](crate::NewStep::ENGINE) records for itself is
    /// left out. It is empty if no root run has this id.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable).
    fn outline(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Outline, StoreError>>;

    /// Keeps a signal for a root run, and gives the status in which it found the run; `None` if there is no such root
    /// run. One that has completed or was cancelled can no longer be told anything: then the signal is not kept. A waiting run
    /// goes on: its [`wake_at`](FlowRun::wake_at) becomes now.
    ///
    /// Telling the same signal twice keeps it once.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn signal(&self, signal: NewSignal) -> BoxFuture<'_, Result<Option<RunStatus>, StoreError>>;

    /// What was told to a root run, the oldest first, taken or not.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreadable`](StoreError::Unreadable).
    fn signals(&self, root_run_id: Uuid) -> BoxFuture<'_, Result<Vec<Signal>, StoreError>>;

    /// Those of these root runs that have signals which nobody has taken.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query).
    fn signalled(&self, root_run_ids: Vec<Uuid>) -> BoxFuture<'_, Result<Vec<Uuid>, StoreError>>;

    /// The time by the clock that leases end by: on SQLite that of the process, since all that write a file are on one
    /// machine, on PostgreSQL that of the server.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query) or [`Unreachable`](StoreError::Unreachable).
    fn now(&self) -> BoxFuture<'_, Result<DateTime<Utc>, StoreError>>;

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

    /// How far the schedules of these flows have come, and what time it is by the clock of the database. A schedule that has not
    /// [begun](Self::begin_schedule) is left out.
    ///
    /// # Errors
    ///
    /// [`Query`](StoreError::Query).
    fn schedules(&self, flow_names: Vec<String>) -> BoxFuture<'_, Result<Schedules, StoreError>>;

    /// Begins the schedule of a flow: the ticks after `at` are to be started. One that has begun stays as it is.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn begin_schedule(
        &self,
        flow_name: &str,
        at: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Moves a schedule on to a tick and queues the runs for it, both or none, and says whether it did: not if its last tick is
    /// no more the [`expected`](ScheduleAdvance::expected) one, or if it has not begun. Of several that ask for the same at
    /// the same time one does it.
    ///
    /// After a connection was lost at the moment of the commit, who did it may be told that it did not.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    fn advance_schedule(&self, advance: ScheduleAdvance)
    -> BoxFuture<'_, Result<bool, StoreError>>;

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
