//! The journal of a run: what earlier executions of it recorded, for the calls of this one to take.

mod asking;
mod build;
mod multiset;
mod reason;
mod scopes;
mod wanted;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use flow_engine_db::{FlowRun, JournalStep, RequestStatus, RunStatus, StepStatus};

use super::calm::Activity;
use super::returns::Returns;
use crate::identity::Identity;
use crate::lock::lock;
use multiset::{Exactly, Multiset};
pub(crate) use reason::Miss;
pub use reason::MissReason;
use reason::Unanswered;
pub(crate) use wanted::Wanted;
use wanted::differs_in_schema_only;

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
    /// The same, where the step did not come to its end: what is recorded is in its order around it.
    Unfinished,
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

/// The recorded call that a call repeats, which did not come to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gap(usize);

impl Found {
    /// The row, if the call is to have no other.
    pub(crate) fn completion(&self) -> Option<&Arc<Row>> {
        match self {
            Self::Same(row) | Self::OtherSchema(row) => Some(row),
            Self::Answer(_) => None,
        }
    }
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
    /// Those whose effects must not repeat, by step and key.
    effects: HashMap<(String, String), usize>,
    /// What a fork runs again: name and content.
    left_out: HashSet<(String, String)>,
    state: Mutex<State>,
    /// What changes the answers to others is noted: completions taken, scopes entered and left.
    activity: Activity,
}

#[derive(Debug, Default)]
struct State {
    completions: Multiset,
    taken: HashSet<usize>,
    unanswered: Unanswered,
    /// Who asks for what was called elsewhere, by key and in the order of asking.
    asking: HashMap<String, BTreeSet<u64>>,
    asked: u64,
    /// Sub-runs, by scope.
    runs: HashMap<String, FlowRun>,
    /// Those of the run of which this is a fork.
    shared_runs: HashMap<String, FlowRun>,
}

impl Journal {
    /// In which order what is recorded returns.
    pub(super) fn returns(&self) -> Returns {
        let state = lock(&self.state);
        let completions = self.completions.iter().map(|place| &self.rows[*place].step);
        let steps = completions.filter_map(|step| Some((step.completed_at?, step.id)));
        // A fork that is resumed has copies of some, which ended when those did.
        let shared = state
            .shared_runs
            .iter()
            .filter(|(scope, _)| !state.runs.contains_key(*scope));
        let runs = state.runs.values().chain(shared.map(|(_, run)| run));
        let runs = runs.filter_map(|run| match run.status {
            RunStatus::Completed | RunStatus::Failed => Some((run.completed_at?, run.id)),
            _ => None,
        });
        Returns::new(steps.chain(runs), self.activity.clone())
    }

    /// Takes what is recorded for a call.
    ///
    /// What was called elsewhere is taken only when all who are ready have asked: a replay comes to its calls in another
    /// order, and who recorded something should get it.
    ///
    /// # Errors
    /// With nothing to take, the gap that the call stands in, if it does.
    pub(crate) async fn take(&self, wanted: &Wanted<'_>) -> Result<Found, Option<Gap>> {
        let key = wanted.identity.key.to_string();
        let gap = {
            let mut state = lock(&self.state);
            match state.completions.take_exactly(&key, wanted.at()) {
                Exactly::Completion(place) => {
                    return Ok(Found::Same(self.taken(&mut state, place)));
                }
                Exactly::Gap(place) => Some(Gap(place)),
                Exactly::Nothing => None,
            }
        };
        let content = wanted.identity.content.to_string();
        let may_find = lock(&self.state).completions.has(&key)
            || self.by_content.contains_key(&content)
            || self.answered.contains_key(&content);
        if wanted.exactly || !may_find {
            return Err(gap);
        }
        let asking = self.asking(&key);
        let mut before = None;
        loop {
            self.activity.calm().await;
            asking.is_first().await;
            let found = self.take_loosely(wanted, &key, &content);
            let asked = self.activity.count();
            if found.is_some() || before == Some(asked) {
                return found.ok_or(gap);
            }
            // Who holds what this call wants may itself only now have got what it wanted, and be done.
            before = Some(asked);
        }
    }

    fn take_loosely(&self, wanted: &Wanted<'_>, key: &str, content: &str) -> Option<Found> {
        let mut state = lock(&self.state);
        self.take_key(&mut state, |all| {
            all.take(key, wanted.at(), wanted.from_around)
        })
        .map(Found::Same)
        .or_else(|| {
            let row = self.take_content(&mut state, wanted, content)?;
            Some(Found::OtherSchema(row))
        })
        .or_else(|| {
            let row = self.take_answer(&mut state, wanted, key, content)?;
            Some(Found::Answer(row))
        })
    }

    /// What is recorded of the effect with this key, whoever has taken it: it is given to every call that asks for it.
    pub(crate) fn effect(&self, name: &str, key: &str) -> Option<Arc<Row>> {
        let place = *self.effects.get(&(name.to_owned(), key.to_owned()))?;
        let row = Arc::clone(&self.rows[place]);
        let mut state = lock(&self.state);
        if let Some(key) = &row.step.call_key {
            state.completions.mark_taken(key, place);
        }
        self.taken(&mut state, place);
        Some(row)
    }

    /// The last try of an effect that counts no more, since it is to run again.
    pub(crate) fn before(&self, name: &str, key: &str) -> Option<Arc<Row>> {
        let is_it = |row: &&Arc<Row>| {
            let step = &row.step;
            step.step_name == name && step.once_key.as_deref() == Some(key)
        };
        self.rows.iter().rev().find(is_it).cloned()
    }

    /// Whether a completion of this very call is left.
    pub(crate) fn has(&self, identity: Identity) -> bool {
        lock(&self.state).completions.has(&identity.key.to_string())
    }

    /// Whether a fork is to run this call again, whatever is recorded of it.
    pub(crate) fn leaves_out(&self, name: &str, identity: Identity) -> bool {
        self.left_out
            .contains(&(name.to_owned(), identity.content.to_string()))
    }

    /// Says why nothing is recorded for a call, which is then executed.
    pub(crate) async fn explain(&self, wanted: &Wanted<'_>, gap: Option<Gap>) -> Miss {
        self.goes_on(wanted.scope);
        if let Some(gap) = gap {
            return self.explain_by(&mut lock(&self.state), gap, wanted);
        }
        if !self.may_explain(&mut lock(&self.state), wanted) {
            return Miss::first_time();
        }
        // What others ask for explains nothing.
        self.activity.calm().await;
        self.explain_in(&mut lock(&self.state), wanted)
    }

    /// Tokens and US dollars that a step of this name took on average, as far as it is recorded.
    pub(crate) fn average_of(&self, name: &str) -> Option<(u64, Option<f64>)> {
        let (mut count, mut tokens, mut cost) = (0_u32, 0, Some(0.0));
        for step in self.completions.iter().map(|place| &self.rows[*place].step) {
            if step.step_name == name && step.tokens_used > 0 {
                count += 1;
                tokens += u64::try_from(step.tokens_used).unwrap_or(0);
                cost = cost.zip(step.cost_estimate).map(|(sum, cost)| sum + cost);
            }
        }
        let average = tokens.checked_div(u64::from(count))?;
        Some((average, cost.map(|sum| sum / f64::from(count))))
    }

    fn take_key(
        &self,
        state: &mut State,
        take: impl FnOnce(&mut Multiset) -> Option<usize>,
    ) -> Option<Arc<Row>> {
        let place = take(&mut state.completions)?;
        Some(self.taken(state, place))
    }

    fn taken(&self, state: &mut State, place: usize) -> Arc<Row> {
        self.activity.note();
        state.taken.insert(place);
        Arc::clone(&self.rows[place])
    }

    fn take_content(
        &self,
        state: &mut State,
        wanted: &Wanted<'_>,
        content: &str,
    ) -> Option<Arc<Row>> {
        self.by_content
            .get(content)?
            .iter()
            .map(|place| &self.rows[*place].step)
            .filter(|step| differs_in_schema_only(step, wanted))
            .find_map(|step| {
                let key = step.call_key.as_deref()?;
                self.take_key(state, |all| all.take(key, wanted.at(), wanted.from_around))
            })
    }

    fn take_answer(
        &self,
        state: &mut State,
        wanted: &Wanted<'_>,
        key: &str,
        content: &str,
    ) -> Option<Arc<Row>> {
        let equal = self.answered.get(content)?;
        let place = equal.iter().copied().find(|place| {
            let step = &self.rows[*place].step;
            // An answer that failed would fail the same way; one that only could not be stored would not.
            let was_good = step.request_status == Some(RequestStatus::Succeeded);
            let may_do = match step.status {
                StepStatus::Failed if !was_good => differs_in_schema_only(step, wanted),
                _ => step.call_key.as_deref() == Some(key) || differs_in_schema_only(step, wanted),
            };
            may_do && !state.taken.contains(place)
        })?;
        state.taken.insert(place);
        Some(Arc::clone(&self.rows[place]))
    }

    /// The completions in a scope that no call has taken.
    pub(crate) fn left_in(&self, scope: &str) -> impl Iterator<Item = &JournalStep> {
        let taken = lock(&self.state).taken.clone();
        self.completions
            .iter()
            .filter(move |place| !taken.contains(place))
            .map(|place| &self.rows[*place].step)
            .filter(move |step| {
                let recorded = step.scope.as_deref().unwrap_or_default();
                recorded
                    .strip_prefix(scope)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }

    /// Gives back a step that cannot be read; if it `explains` why a call has to run, it is left for no other.
    pub(crate) fn give_back(&self, row: &Row, explains: bool) {
        let Some(place) = self.place_of(row) else {
            return;
        };
        let mut state = lock(&self.state);
        state.taken.remove(&place);
        if explains {
            state.unanswered.explains(place);
        } else if let Some(key) = &row.step.call_key {
            state.completions.give_back(key, place);
        }
    }

    /// This execution is past what is recorded in a scope.
    pub(crate) fn goes_on(&self, scope: &str) {
        self.activity.note();
        lock(&self.state).completions.scopes.goes_on(scope);
    }

    fn place_of(&self, row: &Row) -> Option<usize> {
        self.rows
            .iter()
            .position(|other| other.step.id == row.step.id)
    }

    /// Takes the sub-run that an earlier execution recorded in this scope.
    pub(crate) fn take_run(&self, scope: &str) -> Option<FlowRun> {
        lock(&self.state).runs.remove(scope)
    }

    /// The sub-flow that completed in this scope, of the run of which this is a fork.
    pub(super) fn shared_run(&self, scope: &str) -> Option<FlowRun> {
        lock(&self.state).shared_runs.get(scope).cloned()
    }

    pub(super) fn enter(&self, scope: &str) {
        self.activity.note();
        lock(&self.state).completions.scopes.enter(scope);
    }

    pub(super) fn leave(&self, scope: &str) {
        self.activity.note();
        lock(&self.state).completions.scopes.leave(scope);
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
