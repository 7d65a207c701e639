//! The journal of a run: what earlier executions of it recorded, for the calls of this one to take.

mod multiset;
mod reason;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use flow_engine_db::{FlowRun, JournalStep, StepStatus};
use serde_json::{Map, Value};

use crate::identity::{ALGORITHM, Hash, Identity};
use crate::lock::lock;
use multiset::Multiset;
pub(crate) use reason::Miss;
pub use reason::MissReason;
use reason::Unanswered;

/// A recorded step.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) step: JournalStep,
    pub(crate) origin: Origin,
}

/// Which run recorded a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This one.
    Own,
    /// The run of which this one is a fork.
    Shared,
    /// The same, but the fork is to run this step again.
    LeftOut,
}

/// What a call asks the journal with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: i32,
    pub(crate) identity: Identity,
    pub(crate) inputs: &'a Map<String, Value>,
    pub(crate) prompt_id: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) asks_model: bool,
}

/// What the journal has for a call.
#[derive(Debug)]
pub(crate) enum Found {
    /// Its completion.
    Same(Arc<Row>),
    /// Its completion for another output schema: the raw answer may still do.
    OtherSchema(Arc<Row>),
    /// A step without an output whose model may have answered: the answer did not fit another output schema, or the step
    /// was cut off before it was read.
    Answer(Arc<Row>),
}

/// What earlier executions of a run recorded.
#[derive(Debug)]
pub(crate) struct Journal {
    /// In the order in which they started.
    rows: Vec<Arc<Row>>,
    /// Which of them are in the multiset, taken or not.
    completions: HashSet<usize>,
    /// Those of model steps, by what they read.
    by_content: HashMap<String, Vec<usize>>,
    /// Steps without an output whose model has answered, by what they read.
    answered: HashMap<String, Vec<usize>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    completions: Multiset,
    taken: HashSet<usize>,
    unanswered: Unanswered,
    /// Sub-runs, by scope.
    runs: HashMap<String, FlowRun>,
}

impl Journal {
    /// `rows` in start order. Recorded failures are completions if `replay_failures`: a flow that handled one before it
    /// was interrupted must meet it again.
    pub(crate) fn new(rows: Vec<Row>, runs: Vec<FlowRun>, replay_failures: bool) -> Self {
        let rows: Vec<Arc<Row>> = rows.into_iter().map(Arc::new).collect();
        let mut state = State {
            runs: runs
                .into_iter()
                .filter_map(|run| Some((run.scope.clone()?, run)))
                .collect(),
            ..State::default()
        };
        let mut completions = HashSet::new();
        let mut by_content: HashMap<String, Vec<usize>> = HashMap::new();
        let mut answered: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, row) in rows.iter().enumerate() {
            let has_output = row.step.status == StepStatus::Completed;
            if let (Some(content), Some(_), false) =
                (&row.step.content_hash, row.step.llm_request_id, has_output)
            {
                answered.entry(content.clone()).or_default().push(place);
            }
            let is_completion = match row.step.status {
                _ if row.origin == Origin::LeftOut => false,
                StepStatus::Completed => true,
                StepStatus::Failed => replay_failures,
                _ => false,
            };
            let (true, Some(ALGORITHM), Some(key)) = (
                is_completion,
                row.step.key_algorithm.as_deref(),
                &row.step.call_key,
            ) else {
                continue;
            };
            state.completions.insert(place, key, scope_of(row));
            completions.insert(place);
            let succeeded = row.step.status == StepStatus::Completed;
            if let (Some(content), true) = (&row.step.content_hash, succeeded) {
                by_content.entry(content.clone()).or_default().push(place);
            }
        }
        Self {
            rows,
            completions,
            by_content,
            answered,
            state: Mutex::new(state),
        }
    }

    /// Takes what is recorded for a call.
    pub(crate) fn take(&self, wanted: &Wanted<'_>, scope: &str) -> Option<Found> {
        let mut state = lock(&self.state);
        let key = wanted.identity.key.to_string();
        self.take_key(&mut state, &key, scope)
            .map(Found::Same)
            .or_else(|| {
                let row = self.take_content(&mut state, wanted, scope)?;
                Some(Found::OtherSchema(row))
            })
            .or_else(|| Some(Found::Answer(self.take_answer(&mut state, wanted, &key)?)))
    }

    /// Says why nothing is recorded for a call.
    pub(crate) fn explain(&self, wanted: &Wanted<'_>, scope: &str) -> Miss {
        self.explain_in(&mut lock(&self.state), wanted, scope)
    }

    fn take_key(&self, state: &mut State, key: &str, scope: &str) -> Option<Arc<Row>> {
        let place = state.completions.take(key, scope)?;
        state.taken.insert(place);
        Some(Arc::clone(&self.rows[place]))
    }

    fn take_content(
        &self,
        state: &mut State,
        wanted: &Wanted<'_>,
        scope: &str,
    ) -> Option<Arc<Row>> {
        let equal = self.by_content.get(&wanted.identity.content.to_string())?;
        equal
            .iter()
            .map(|place| &self.rows[*place].step)
            .filter(|step| differs_in_schema_only(step, wanted))
            .find_map(|step| self.take_key(state, step.call_key.as_deref()?, scope))
    }

    fn take_answer(&self, state: &mut State, wanted: &Wanted<'_>, key: &str) -> Option<Arc<Row>> {
        let equal = self.answered.get(&wanted.identity.content.to_string())?;
        let place = equal.iter().copied().find(|place| {
            let step = &self.rows[*place].step;
            // An answer that failed would fail the same way.
            let may_do = match step.status {
                StepStatus::Failed => differs_in_schema_only(step, wanted),
                _ => step.call_key.as_deref() == Some(key) || differs_in_schema_only(step, wanted),
            };
            may_do && !state.taken.contains(place)
        })?;
        state.taken.insert(place);
        Some(Arc::clone(&self.rows[place]))
    }

    /// Gives back a [`Found::Answer`] that is none.
    pub(crate) fn give_back(&self, row: &Row) {
        let place = self
            .rows
            .iter()
            .position(|other| other.step.id == row.step.id);
        if let Some(place) = place {
            lock(&self.state).taken.remove(&place);
        }
    }

    /// Takes the sub-run that an earlier execution recorded in this scope.
    pub(crate) fn take_run(&self, scope: &str) -> Option<FlowRun> {
        lock(&self.state).runs.remove(scope)
    }

    pub(super) fn enter(&self, scope: &str) {
        lock(&self.state).completions.enter(scope);
    }

    pub(super) fn leave(&self, scope: &str) {
        lock(&self.state).completions.leave(scope);
    }

    /// The completions that no call has taken, in start order.
    pub(crate) fn left(&self) -> Vec<Arc<Row>> {
        let state = lock(&self.state);
        let mut left: Vec<_> = self.completions.difference(&state.taken).copied().collect();
        left.sort_unstable();
        left.into_iter()
            .map(|place| Arc::clone(&self.rows[place]))
            .collect()
    }
}

fn scope_of(row: &Row) -> &str {
    row.step.scope.as_deref().unwrap_or_default()
}

/// Whether a recorded call is this one but for its output schema: its key says so, which also holds name and version.
fn differs_in_schema_only(recorded: &JournalStep, wanted: &Wanted<'_>) -> bool {
    let schema: Option<Hash> = recorded
        .schema_hash
        .as_deref()
        .and_then(|hex| hex.parse().ok());
    schema.is_some_and(|schema| {
        if Some(schema) == wanted.identity.schema {
            return false;
        }
        let Identity { key, .. } = Identity::new(
            wanted.name,
            wanted.version,
            wanted.identity.content,
            Some(schema),
        );
        recorded.call_key.as_deref() == Some(key.to_string().as_str())
    })
}
