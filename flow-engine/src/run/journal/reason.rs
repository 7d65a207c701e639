//! Why a call found nothing in the journal, in words.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use flow_engine_db::{JournalStep, StepStatus};
use serde_json::{Map, Value};

use super::scopes::Scopes;
use super::{Gap, Journal, Origin, Row, State, Wanted, scope_of};
use crate::identity::{ALGORITHM, Hash};
use crate::run::kept::model_asked;
use crate::run::scope::names;

/// The purpose of the hash by which equal inputs are found.
const INPUTS: &str = "inputs";

/// Why a step runs, although its run has recorded steps: `flow_step_runs.miss_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissReason {
    /// No earlier execution of the run made this call.
    FirstTime,
    /// An earlier execution made it and did not come to its end: it was killed, or the call was cancelled.
    NotFinished,
    /// It failed, and a failed run was resumed.
    FailedBefore,
    /// The run is a fork, and this is from where it was to differ.
    LeftOut,
    /// The inputs are others, or the prompt renders them into something else.
    InputChanged,
    /// The prompt's text or its parameters are others.
    PromptChanged,
    /// Another model is asked.
    ModelChanged,
    /// The output type is another one, and what was recorded does not fit it.
    OutputSchemaChanged,
    /// It asked a model and is a task now, or the other way round.
    KindChanged,
    /// It was recorded by a version of flow-engine that knows calls by something else.
    OtherAlgorithm,
    /// The step's `version` is another one.
    VersionChanged,
    /// Nobody knows what became of its effect, which must not repeat by itself: the run does not go on before somebody says so.
    InDoubt,
}

impl MissReason {
    /// The reason in words: `input content changed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstTime => "first time",
            Self::NotFinished => "not finished before",
            Self::FailedBefore => "failed before",
            Self::LeftOut => "left out of the fork",
            Self::InputChanged => "input content changed",
            Self::PromptChanged => "prompt changed",
            Self::ModelChanged => "model changed",
            Self::OutputSchemaChanged => "output schema changed",
            Self::KindChanged => "kind changed",
            Self::OtherAlgorithm => "recorded by another version of flow-engine",
            Self::VersionChanged => "version changed",
            Self::InDoubt => "in doubt",
        }
    }
}

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A call that has to run, and the recorded one that it is most like.
#[derive(Debug)]
pub(crate) struct Miss {
    pub(crate) reason: MissReason,
    pub(crate) compared_with: Option<Arc<Row>>,
}

impl Miss {
    pub(crate) fn first_time() -> Self {
        Self {
            reason: MissReason::FirstTime,
            compared_with: None,
        }
    }
}

/// The recorded steps that may explain a miss: each explains one. Filled at the first miss.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    indexed: bool,
    by_content: HashMap<(String, String), VecDeque<usize>>,
    by_inputs: HashMap<(String, Hash), VecDeque<usize>>,
    by_name: HashMap<String, VecDeque<usize>>,
    used: HashSet<usize>,
}

impl Unanswered {
    pub(super) fn explains(&mut self, place: usize) {
        self.used.insert(place);
    }

    fn index(&mut self, rows: &[Arc<Row>]) {
        if std::mem::replace(&mut self.indexed, true) {
            return;
        }
        for (place, Row { step, origin }) in rows.iter().map(|row| &**row).enumerate() {
            // Another effect explains nothing.
            if *origin == Origin::Unfinished || step.once_key.is_some() {
                continue;
            }
            let name = step.step_name.clone();
            if let Some(content) = step.content_hash.clone() {
                let equal = self.by_content.entry((name.clone(), content));
                equal.or_default().push_back(place);
            }
            // What did not end says nothing about a call that reads something else.
            if !matches!(step.status, StepStatus::Completed | StepStatus::Failed) {
                continue;
            }
            if let Ok(inputs) = serde_json::from_str::<Map<String, Value>>(&step.inputs) {
                let inputs = Hash::of_object(INPUTS, &inputs);
                let equal = self.by_inputs.entry((name.clone(), inputs));
                equal.or_default().push_back(place);
            }
            self.by_name.entry(name).or_default().push_back(place);
        }
    }
}

impl Journal {
    /// Explains a miss by the call that it repeats.
    pub(super) fn explain_by(&self, state: &mut State, gap: Gap, wanted: &Wanted<'_>) -> Miss {
        let Gap(place) = gap;
        state.unanswered.explains(place);
        Miss {
            reason: self.same_content(place, wanted),
            compared_with: Some(Arc::clone(&self.rows[place])),
        }
    }

    /// Finds the recorded step that is most like a call that missed: with the same content, else the same inputs, else
    /// the first of its name where the call is made.
    pub(super) fn explain_in(&self, state: &mut State, wanted: &Wanted<'_>) -> Miss {
        state.unanswered.index(&self.rows);
        let name = wanted.name.to_owned();
        let content = (name.clone(), wanted.identity.content.to_string());
        let inputs = (name.clone(), Hash::of_object(INPUTS, wanted.inputs));
        let State {
            unanswered: all,
            taken,
            completions,
            ..
        } = state;
        let used = &all.used;
        let first = |places: Option<&mut VecDeque<usize>>, near: bool| {
            let places = places?;
            let is_gone = |place: &usize| taken.contains(place) || used.contains(place);
            while places.front().is_some_and(is_gone) {
                places.pop_front();
            }
            places.iter().copied().find(|place| {
                let recorded = scope_of(&self.rows[*place]);
                !is_gone(place) && (!near || is_near(&completions.scopes, recorded, wanted.scope))
            })
        };
        let found = first(all.by_content.get_mut(&content), false)
            .map(|place| (place, self.same_content(place, wanted)))
            .or_else(|| {
                let place = first(all.by_inputs.get_mut(&inputs), true)?;
                Some((place, same_inputs(&self.rows[place], wanted)))
            })
            .or_else(|| {
                let place = first(all.by_name.get_mut(&name), true)?;
                let known = is_known(&self.rows[place].step);
                let reason = if known {
                    MissReason::InputChanged
                } else {
                    MissReason::OtherAlgorithm
                };
                Some((place, reason))
            });
        let Some((place, reason)) = found else {
            return Miss::first_time();
        };
        state.unanswered.explains(place);
        Miss {
            reason,
            compared_with: Some(Arc::clone(&self.rows[place])),
        }
    }

    /// Whether there is anything of a call's name that could explain why it is not recorded.
    pub(super) fn may_explain(&self, state: &mut State, wanted: &Wanted<'_>) -> bool {
        state.unanswered.index(&self.rows);
        let State {
            unanswered, taken, ..
        } = state;
        let content = (wanted.name.to_owned(), wanted.identity.content.to_string());
        let Unanswered {
            by_content,
            by_name,
            used,
            ..
        } = unanswered;
        let is_left = |place: &usize| !taken.contains(place) && !used.contains(place);
        if by_content
            .get(&content)
            .is_some_and(|places| places.iter().any(is_left))
        {
            return true;
        }
        let Some(places) = by_name.get_mut(wanted.name) else {
            return false;
        };
        while places.front().is_some_and(|place| !is_left(place)) {
            places.pop_front();
        }
        !places.is_empty()
    }

    fn same_content(&self, place: usize, wanted: &Wanted<'_>) -> MissReason {
        let row = &self.rows[place];
        let schema = wanted.identity.schema.map(|schema| schema.to_string());
        match row.step.status {
            _ if row.origin == Origin::LeftOut => MissReason::LeftOut,
            StepStatus::Completed | StepStatus::Failed if row.step.schema_hash != schema => {
                MissReason::OutputSchemaChanged
            }
            StepStatus::Failed if !self.completions.contains(&place) => MissReason::FailedBefore,
            StepStatus::Completed | StepStatus::Failed => MissReason::VersionChanged,
            _ => MissReason::NotFinished,
        }
    }
}

fn same_inputs(row: &Row, wanted: &Wanted<'_>) -> MissReason {
    let recorded = &row.step;
    if !is_known(recorded) {
        return MissReason::OtherAlgorithm;
    }
    if wanted.asks_model != recorded.schema_hash.is_some() {
        return MissReason::KindChanged;
    }
    // The request of a step that was taken over is gone with the run that sent it.
    let differs = |recorded: Option<&str>, now| recorded.is_some() && recorded != now;
    if differs(recorded.prompt_id.as_deref(), wanted.prompt_id) {
        MissReason::PromptChanged
    } else if differs(model_asked(recorded).as_deref(), wanted.model) {
        MissReason::ModelChanged
    } else {
        MissReason::InputChanged
    }
}

/// Whether a step was recorded by an algorithm that this version knows.
pub(super) fn is_known(recorded: &JournalStep) -> bool {
    recorded.key_algorithm.as_deref() == Some(ALGORITHM)
}

/// Whether a step recorded in one scope may be what a call in another one has become: both are the same, or differ in
/// their content only, and nobody else is about to ask for it.
fn is_near(scopes: &Scopes, recorded: &str, asking: &str) -> bool {
    recorded == asking
        || (names(recorded) == names(asking) && !scopes.belongs_elsewhere(recorded, asking))
}
