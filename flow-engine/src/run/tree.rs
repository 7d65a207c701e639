//! What all runs of one root share: the lock on their counters, and what earlier executions recorded.

mod recorded;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use flow_engine_db::{
    FlowRun, JournalStep, Lease, NewFork, Progress, RequestStatus, RunReopen, StoreError, Write,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;
use uuid::Uuid;

pub(crate) use recorded::ended_steps;
use recorded::{beginnings, unwritten};

use super::journal::{Journal, Origin, Row};
use super::kept::model_asked;
use super::leases::Holding;
use super::once::{Doubt, Effects, doubts};
use super::park::Parking;
use super::pause::Pause;
use super::plan::Plan;
use super::progress::Beginning;
use super::returns::Returns;
use super::waits::Waits;
use crate::error::{Error, ErrorKind};
use crate::lock::lock;
use crate::secret::Secrets;

/// Shared by a root run and all below it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(super) lock: Mutex<()>,
    pub(super) returns: Arc<Returns>,
    earlier: Option<Earlier>,
    /// Set for a dry run: what has to run is noted and not executed.
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) variation: Variation,
    /// Under which it is executed, if it was taken for that: a run that starts has its first one.
    pub(crate) lease: Option<Lease>,
    /// What the caller calls a new root run by.
    pub(super) key: Option<Key>,
    /// Whether the root run is to stop before its end.
    pub(super) pause: Pause,
    pub(super) waits: Arc<Waits>,
    /// Whether the root run leaves memory while it only waits: somebody takes it again when it is to go on.
    pub(super) leaves_memory: AtomicBool,
    /// What must not repeat in it.
    pub(super) effects: Effects,
    /// Tasks of the root run.
    tasks: Mutex<Vec<AbortHandle>>,
    /// Of a run that may be why its processes ended.
    pub(super) probation: Mutex<Option<OwnedSemaphorePermit>>,
    claim: Mutex<Option<Claim>>,
    /// Of a run that is executed again.
    holding: Mutex<Option<Holding>>,
    /// What the inputs of its flows and steps say must be left nowhere.
    secrets: Mutex<Arc<Secrets>>,
}

/// The name under which a caller finds a root run again.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    /// The other run that has it, once that is known: this one never started.
    pub(super) holder: OnceLock<Uuid>,
}

impl Key {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            holder: OnceLock::new(),
        }
    }
}

/// What earlier executions of a root run left.
#[derive(Debug)]
struct Earlier {
    root: Option<FlowRun>,
    journal: Arc<Journal>,
    beginnings: HashMap<Uuid, Beginning>,
    /// What a killed process could not write any more, and what opens the root's row again.
    unwritten: Vec<Write>,
    /// The models that were asked for what this run shares.
    models: BTreeSet<String>,
    /// What must be decided before it goes on.
    doubts: Vec<Doubt>,
    ended_steps: i32,
}

/// What a fork shares with the run that it was forked from.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) rows: Vec<Row>,
    /// The sub-flows that completed.
    pub(crate) runs: Vec<FlowRun>,
}

/// In what a fork differs from the run that it was forked from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variation {
    /// Asked in place of every other model, where nothing is shared.
    pub(crate) model: Option<String>,
    /// The row that says so, for a fork that begins.
    pub(crate) row: Option<NewFork>,
    /// What artifacts it shares: they are kept for it from its beginning, whatever becomes of the other run.
    pub(crate) artifacts: BTreeSet<String>,
    /// What writes the effects that it takes over.
    pub(crate) effects: Vec<Write>,
}

/// The root runs that this process executes.
static CLAIMED: LazyLock<Mutex<HashSet<Uuid>>> = LazyLock::new(Mutex::default);

/// The right to execute a root run: one at a time.
#[derive(Debug)]
pub(crate) struct Claim(Uuid);

impl Claim {
    pub(crate) fn of(run_id: Uuid) -> Result<Self, Error> {
        if lock(&CLAIMED).insert(run_id) {
            return Ok(Self(run_id));
        }
        let message = format!("the run {run_id} cannot be resumed: it is being executed");
        Err(Error::new(ErrorKind::NotResumable, message))
    }

    pub(crate) fn is_taken(run_id: Uuid) -> bool {
        lock(&CLAIMED).contains(&run_id)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&CLAIMED).remove(&self.0);
    }
}

impl Tree {
    /// What must be left nowhere, as far as it is known.
    pub(super) fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&lock(&self.secrets))
    }

    pub(super) fn learn(&self, secrets: &Secrets) {
        if !secrets.is_empty() {
            let mut known = lock(&self.secrets);
            *known = Arc::new(known.and(secrets));
        }
    }

    /// A root run that was executed before.
    pub(crate) fn resumed(
        recorded: flow_engine_db::Journal,
        shared: Shared,
        replay_failures: bool,
        variation: Variation,
    ) -> Self {
        let beginnings = beginnings(&recorded);
        let unwritten = unwritten(&recorded, &beginnings);
        let doubts = doubts(&recorded.steps);
        let ended_steps = ended_steps(&recorded);
        let mut answers: HashMap<Uuid, Uuid> = recorded
            .open_requests
            .iter()
            .filter(|request| request.status == RequestStatus::Succeeded)
            .filter_map(|request| Some((request.step_run_id?, request.id)))
            .collect();
        // What an earlier execution took over has a row of its own by now: of the same step, content and times, while the
        // schema may be another.
        let original = |step: &JournalStep| {
            let content = step.content_hash.clone()?;
            Some((
                step.step_name.clone(),
                content,
                step.created_at,
                step.completed_at,
            ))
        };
        let mut copied = HashMap::<_, usize>::new();
        let mut rows: Vec<Row> = Vec::with_capacity(recorded.steps.len() + shared.rows.len());
        let mut models = BTreeSet::new();
        for mut step in recorded.steps {
            if let (Some(original), Some(_)) = (original(&step), step.origin_run_id) {
                *copied.entry(original).or_default() += 1;
                models.extend(model_asked(&step));
            }
            if let (None, Some(answer)) = (step.llm_request_id, answers.remove(&step.id)) {
                step.llm_request_id = Some(answer);
                step.request_status = Some(RequestStatus::Succeeded);
            }
            let origin = Origin::Own;
            rows.push(Row { step, origin });
        }
        rows.extend(shared.rows.into_iter().filter(|row| {
            if row.origin == Origin::Unfinished {
                return true;
            }
            models.extend(model_asked(&row.step));
            match original(&row.step).and_then(|original| copied.get_mut(&original)) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            }
        }));
        // A copy stands where its original did.
        rows.sort_by_key(|row| row.step.created_at);
        let (roots, below): (Vec<FlowRun>, _) =
            recorded.runs.into_iter().partition(FlowRun::is_root);
        let journal = Journal::new(rows, below, shared.runs, replay_failures);
        Self {
            returns: Arc::new(journal.returns()),
            earlier: Some(Earlier {
                root: roots.into_iter().next(),
                journal: Arc::new(journal),
                beginnings,
                unwritten,
                models,
                doubts,
                ended_steps,
            }),
            variation,
            ..Self::default()
        }
    }

    /// How many steps have come to their end in earlier executions.
    pub(crate) fn ended_steps(&self) -> i32 {
        self.earlier
            .as_ref()
            .map_or(0, |earlier| earlier.ended_steps)
    }

    /// The models that were asked for what this run shares.
    pub(super) fn shared_models(&self) -> impl Iterator<Item = &str> {
        self.earlier
            .iter()
            .flat_map(|earlier| earlier.models.iter().map(String::as_str))
    }

    /// What must be decided before the root run goes on.
    pub(crate) fn doubts(&self) -> &[Doubt] {
        self.earlier.as_ref().map_or(&[], |earlier| &earlier.doubts)
    }

    /// What its rows come to, with what a killed process could not write any more.
    pub(crate) fn progress(&self, root: &FlowRun) -> Progress {
        Progress {
            // Nothing of it is executed.
            current_step: None,
            step_progress: root.step_progress,
            progress_percentage: root.progress_percentage,
            ..self.beginning(root.id).spent.progress()
        }
    }

    /// Lets the root run's row be opened again when it starts.
    pub(crate) fn reopen(&mut self, reopen: RunReopen) {
        if let Some(earlier) = &mut self.earlier {
            earlier.unwritten.push(reopen.into());
        }
    }

    /// What is written when the root run starts.
    pub(crate) fn opening(&self) -> Vec<Write> {
        self.earlier
            .as_ref()
            .map(|earlier| earlier.unwritten.clone())
            .unwrap_or_default()
    }

    /// Waits until the root run is to stop before its end.
    pub(super) async fn stops(&self) -> Parking {
        let leaves_memory = self.leaves_memory.load(Ordering::Acquire);
        let woken = self.earlier_root().and_then(|root| root.wake_at);
        tokio::select! {
            biased;
            paused = self.pause.is_due(&self.waits) => paused,
            idle = self.waits.idle(woken), if leaves_memory => idle,
        }
    }

    /// Notes why the root run cannot start: another one has its key.
    pub(super) fn not_opened(&self, error: &StoreError) {
        if let (StoreError::KeyTaken { run_id }, Some(key)) = (error, &self.key) {
            key.holder.get_or_init(|| *run_id);
        }
    }

    /// The run that had this one's key before.
    pub(super) fn key_holder(&self) -> Option<Uuid> {
        self.key.as_ref()?.holder.get().copied()
    }

    /// A task belongs to the root run.
    pub(super) fn spawned(&self, task: AbortHandle) {
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// The root run is not executed any more, before its end.
    pub(super) fn abort_tasks(&self) {
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
    }

    /// Keeps the right to execute the root run until it has ended.
    pub(crate) fn claim(&mut self, claim: Claim) {
        self.claim = Mutex::new(Some(claim));
    }

    pub(super) fn take_claim(&self) -> Option<Claim> {
        lock(&self.claim).take()
    }

    /// Writes under this lease, which is renewed meanwhile.
    pub(crate) fn hold(&mut self, holding: Holding) {
        self.lease = Some(holding.lease());
        self.holding = Mutex::new(Some(holding));
    }

    pub(super) fn take_holding(&self) -> Option<Holding> {
        lock(&self.holding).take()
    }

    pub(crate) fn journal(&self) -> Option<&Arc<Journal>> {
        self.earlier.as_ref().map(|earlier| &earlier.journal)
    }

    /// The root's row as it was.
    pub(super) fn earlier_root(&self) -> Option<&FlowRun> {
        self.earlier.as_ref()?.root.as_ref()
    }

    /// Where the counters of a run begin.
    pub(super) fn beginning(&self, run: Uuid) -> Beginning {
        self.earlier
            .as_ref()
            .and_then(|earlier| earlier.beginnings.get(&run).copied())
            .unwrap_or_default()
    }
}
