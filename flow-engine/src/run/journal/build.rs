//! The journal, built of the rows of a run.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use flow_engine_db::{FlowRun, JournalStep, RequestStatus, StepStatus};
use uuid::Uuid;

use super::multiset::{At, Multiset};
use super::reason::is_known;
use super::{Journal, Origin, Row, State, scope_of};
use crate::run::calm::Activity;

impl Journal {
    /// `rows` in start order. Recorded failures are completions if `replay_failures`: a flow that handled one before it
    /// was interrupted must meet it again.
    pub(crate) fn new(
        rows: Vec<Row>,
        runs: Vec<FlowRun>,
        shared_runs: Vec<FlowRun>,
        replay_failures: bool,
    ) -> Self {
        let rows: Vec<Arc<Row>> = rows.into_iter().map(Arc::new).collect();
        let mut state = State {
            runs: by_scope(runs),
            shared_runs: by_scope(shared_runs),
            ..State::default()
        };
        let mut completions = HashSet::new();
        let mut by_content: HashMap<String, Vec<usize>> = HashMap::new();
        let mut answered: HashMap<String, Vec<usize>> = HashMap::new();
        let mut left_out = HashSet::new();
        let mut effects = HashMap::new();
        let read: HashSet<Uuid> = rows
            .iter()
            .filter(|row| row.step.status == StepStatus::Completed)
            .filter_map(|row| row.step.llm_request_id)
            .collect();
        for (place, row) in rows.iter().enumerate() {
            if let Some(content) = row.step.content_hash.clone() {
                if row.origin == Origin::LeftOut {
                    left_out.insert((row.step.step_name.clone(), content));
                } else if row.origin == Origin::Own && holds_an_answer(&row.step, &read) {
                    answered.entry(content).or_default().push(place);
                }
            }
            if let (Some(key), Some(_)) = (&row.step.once_key, &row.step.call_key)
                && row.step.status != StepStatus::Cancelled
            {
                effects.insert((row.step.step_name.clone(), key.clone()), place);
            }
            let is_completion = match row.step.status {
                _ if matches!(row.origin, Origin::LeftOut | Origin::Unfinished) => false,
                StepStatus::Completed => true,
                // A person has decided that it failed.
                StepStatus::Failed => replay_failures || row.step.once_key.is_some(),
                _ => false,
            };
            if is_completion && row.step.call_key.is_some() && is_known(&row.step) {
                completions.insert(place);
                let succeeded = row.step.status == StepStatus::Completed;
                if let (Some(content), true) = (&row.step.content_hash, succeeded) {
                    by_content.entry(content.clone()).or_default().push(place);
                }
            }
        }
        let repeated = repeated(&rows, &completions);
        state.completions = in_order_of_calls(&rows, &completions, &repeated);
        // They have explained what repeats them.
        for place in repeated.into_keys() {
            state.unanswered.explains(place);
        }
        Self {
            rows,
            completions,
            by_content,
            answered,
            effects,
            left_out,
            state: Mutex::new(state),
            activity: Activity::default(),
        }
    }
}

/// Whether a step without an output may have been answered, by a request that no other step has read.
fn holds_an_answer(step: &JournalStep, read: &HashSet<Uuid>) -> bool {
    let Some(request) = step.llm_request_id else {
        return false;
    };
    let may_hold = match step.status {
        StepStatus::Completed => false,
        StepStatus::Failed => true,
        // It was cut off.
        _ => step.request_status == Some(RequestStatus::Succeeded),
    };
    may_hold && !read.contains(&request)
}

/// For each call that did not come to its end the row that repeats it, at its place in the rows.
fn repeated(rows: &[Arc<Row>], completions: &HashSet<usize>) -> HashMap<usize, usize> {
    let places: HashMap<Uuid, usize> = (0..).zip(rows).map(|(at, row)| (row.step.id, at)).collect();
    let call = |place: usize| {
        let step = &rows[place].step;
        (&step.content_hash, &step.scope, &step.previous_key)
    };
    let mut repeated = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        let before = row.step.compared_with.and_then(|id| places.get(&id));
        if let Some(before) = before
            && !completions.contains(before)
            && call(*before) == call(place)
        {
            repeated.entry(*before).or_insert(place);
        }
    }
    repeated
}

/// The completions, and what did not come to its end, in the order of their calls: what repeats a call stands where that
/// stood.
fn in_order_of_calls(
    rows: &[Arc<Row>],
    completions: &HashSet<usize>,
    repeated: &HashMap<usize, usize>,
) -> Multiset {
    let mut calls: Vec<usize> = (0..rows.len()).collect();
    for place in 0..rows.len() {
        if let Some(again) = repeated.get(&place) {
            calls[*again] = calls[place];
        }
    }
    let mut in_order: Vec<usize> = (0..rows.len()).collect();
    in_order.sort_by_key(|place| calls[*place]);
    let mut multiset = Multiset::default();
    for place in in_order {
        let row = &rows[place];
        let (true, Some(key)) = (is_known(&row.step), &row.step.call_key) else {
            continue;
        };
        let at = At {
            scope: scope_of(row),
            previous: row.step.previous_key.as_deref(),
        };
        if completions.contains(&place) {
            multiset.insert(place, key, at);
        } else if row.origin != Origin::LeftOut && !repeated.contains_key(&place) {
            multiset.insert_gap(place, key, at);
        }
    }
    multiset
}

fn by_scope(runs: Vec<FlowRun>) -> HashMap<String, FlowRun> {
    let in_scope = |run: FlowRun| Some((run.scope.clone()?, run));
    runs.into_iter().filter_map(in_scope).collect()
}
