//! What all runs of one root share: the lock on their counters, and what earlier executions recorded.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex};

use flow_engine_db::{
    FlowRun, JournalStep, Lease, LlmRequest, NewFork, Progress, RequestStatus, RunProgress,
    RunReopen, StepFinish, StepStatus, Write,
};
use uuid::Uuid;

use super::journal::{Journal, Origin, Row};
use super::kept::model_asked;
use super::leases::Holding;
use super::plan::Plan;
use super::progress::{Beginning, Spent, nano_usd};
use super::returns::Returns;
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
    claim: Mutex<Option<Claim>>,
    /// Of a run that is executed again.
    holding: Mutex<Option<Holding>>,
    /// What the inputs of its flows and steps say must be left nowhere.
    secrets: Mutex<Arc<Secrets>>,
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
            }),
            variation,
            ..Self::default()
        }
    }

    /// The models that were asked for what this run shares.
    pub(super) fn shared_models(&self) -> impl Iterator<Item = &str> {
        self.earlier
            .iter()
            .flat_map(|earlier| earlier.models.iter().map(String::as_str))
    }

    /// Lets the root run's row be opened again when it starts.
    pub(crate) fn reopen(&mut self, reopen: RunReopen) {
        if let Some(earlier) = &mut self.earlier {
            earlier.unwritten.push(reopen.into());
        }
    }

    /// What is written when the root run starts.
    pub(super) fn opening(&self) -> Vec<Write> {
        self.earlier
            .as_ref()
            .map(|earlier| earlier.unwritten.clone())
            .unwrap_or_default()
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

/// For each run what its row says, and what was spent by steps that did not come to their end: a row counts a step's
/// requests when the step ends.
fn beginnings(recorded: &flow_engine_db::Journal) -> HashMap<Uuid, Beginning> {
    let parents: HashMap<Uuid, Option<Uuid>> = recorded
        .runs
        .iter()
        .map(|run| (run.id, run.parent_run_id))
        .collect();
    let mut all: HashMap<Uuid, Beginning> = recorded
        .runs
        .iter()
        .map(|run| {
            let spent = Spent {
                tokens: u64::try_from(run.total_tokens).unwrap_or(0),
                cost_nano_usd: nano_usd(run.total_cost),
                unpriced_requests: u32::try_from(run.unpriced_requests).unwrap_or(u32::MAX),
            };
            let beginning = Beginning {
                step_rows: 0,
                finished: run.step_progress,
                spent,
            };
            (run.id, beginning)
        })
        .collect();
    for step in &recorded.steps {
        if let Some(run) = all.get_mut(&step.flow_run_id) {
            run.step_rows = run.step_rows.max(step.step_order);
        }
    }
    for request in &recorded.open_requests {
        let spent = spent_on(request);
        let mut next = Some(request.flow_run_id);
        while let Some(run) = next {
            if let Some(beginning) = all.get_mut(&run) {
                beginning.spent.add(spent);
            }
            next = parents.get(&run).copied().flatten();
        }
    }
    all
}

/// The ends of steps that were cut off after they had sent a request, and the sums of the runs that paid for them.
fn unwritten(
    recorded: &flow_engine_db::Journal,
    beginnings: &HashMap<Uuid, Beginning>,
) -> Vec<Write> {
    let mut steps: HashMap<Uuid, (Spent, Uuid)> = HashMap::new();
    for request in &recorded.open_requests {
        let Some(step) = request.step_run_id else {
            continue;
        };
        let (spent, last) = steps.entry(step).or_default();
        spent.add(spent_on(request));
        *last = request.id;
    }
    if steps.is_empty() {
        return Vec::new();
    }
    let ends = steps.into_iter().map(|(step, (spent, last))| {
        StepFinish {
            tokens_used: i64::try_from(spent.tokens).unwrap_or(i64::MAX),
            cost_estimate: spent.cost_usd(),
            llm_request_id: Some(last),
            ..StepFinish::new(step, StepStatus::Cancelled)
        }
        .into()
    });
    let open = recorded.runs.iter().filter(|run| run.status.is_open());
    let sums = open.filter_map(|run| {
        let sum = beginnings.get(&run.id)?.spent;
        let progress = RunProgress {
            id: run.id,
            progress: Progress {
                current_step: run.current_step.clone(),
                step_progress: run.step_progress,
                progress_percentage: run.progress_percentage,
                ..sum.progress()
            },
            last_heartbeat: run.last_heartbeat.unwrap_or(run.created_at),
        };
        Some(progress.into())
    });
    ends.chain(sums).collect()
}

fn spent_on(request: &LlmRequest) -> Spent {
    let count = |tokens: Option<i64>| u64::try_from(tokens.unwrap_or(0)).unwrap_or(0);
    // What a server refused was not billed; what was sent, or cut off, may have been.
    let refused = request.status == RequestStatus::Failed && request.http_status.is_some();
    Spent {
        tokens: count(request.input_tokens).saturating_add(count(request.output_tokens)),
        cost_nano_usd: request.cost_nano_usd.unwrap_or(0),
        unpriced_requests: u32::from(request.cost_nano_usd.is_none() && !refused),
    }
}
