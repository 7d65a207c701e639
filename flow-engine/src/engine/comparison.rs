//! Two runs of one flow side by side.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use flow_engine_db::{JournalStep, StepStatus};
use serde_json::Value;
use uuid::Uuid;

use super::Engine;
use super::recovery::refused;
use crate::difference::{Change, changes};
use crate::error::Error;
use crate::run::{ASIDE, model_asked, names};

/// Two runs side by side: see [`Engine::compare`]. `{}` prints it as a table.
#[derive(Debug)]
#[non_exhaustive]
pub struct Comparison {
    /// The one run.
    pub before: RunSummary,
    /// The other.
    pub after: RunSummary,
    /// Their steps, matched by name and place, in the order of the one, then what only the other has.
    pub steps: Vec<StepPair>,
    /// Where their outputs differ.
    pub changes: Vec<Change>,
}

/// What a run came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct RunSummary {
    /// The run.
    pub run_id: Uuid,
    /// The output, if it has completed.
    pub output: Option<Value>,
    /// Tokens of all that its output took, also of what it took over from another run.
    pub tokens: u64,
    /// US dollars of the same; `None` if the price of a part is not known.
    pub cost: Option<f64>,
    /// Tokens that were paid for in this run.
    pub paid_tokens: u64,
    /// US dollars that were paid in this run; `None` if the price of a part is not known.
    pub paid_cost: Option<f64>,
    /// Milliseconds that it was executed.
    pub execution_time_ms: Option<u64>,
}

/// A step of two runs.
#[derive(Debug)]
#[non_exhaustive]
pub struct StepPair {
    /// The step's name.
    pub step_name: String,
    /// What it gave in the one run.
    pub before: Option<StepSummary>,
    /// What it gave in the other.
    pub after: Option<StepSummary>,
}

/// What a step came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct StepSummary {
    /// Its row.
    pub step_run_id: Uuid,
    /// The output; `None` if it failed.
    pub output: Option<Value>,
    /// Tokens of all its requests.
    pub tokens: u64,
    /// US dollars; `None` if a price is not known.
    pub cost: Option<f64>,
    /// The model that was asked.
    pub model: Option<String>,
    /// Whether the run took it over from another one, and paid nothing for it.
    pub is_shared: bool,
}

impl Engine {
    /// Two runs side by side, a run and its fork above all: outputs, tokens and cost, step by step.
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`](crate::ErrorKind::NotResumable) if there is no such root run, or when the database cannot
    /// be read.
    pub async fn compare(&self, before: Uuid, after: Uuid) -> Result<Comparison, Error> {
        let (before, old) = self.summary(before).await?;
        let (after, new) = self.summary(after).await?;
        let steps = pairs(old, new);
        let changes = match (&before.output, &after.output) {
            (Some(one), Some(other)) => changes(one, other),
            _ => Vec::new(),
        };
        Ok(Comparison {
            before,
            after,
            steps,
            changes,
        })
    }

    async fn summary(&self, run_id: Uuid) -> Result<(RunSummary, Vec<Placed>), Error> {
        let run_id = self.root_of(run_id).await?;
        let recorded = self.store().await.journal(run_id).await?;
        let Some(run) = recorded.runs.iter().find(|run| run.id == run_id) else {
            return Err(refused(run_id, "compared", "there is no such root run"));
        };
        let steps: Vec<_> = recorded
            .steps
            .into_iter()
            .filter(|step| matches!(step.status, StepStatus::Completed | StepStatus::Failed))
            // What the engine recorded for itself, or what a resumed run has replaced.
            .filter(|step| step.kind != ASIDE && step.call_key.is_some())
            .collect();
        let cost = steps
            .iter()
            .try_fold(0.0, |sum, step| Some(sum + step.cost_estimate?));
        let summary = RunSummary {
            run_id,
            output: run.outputs.clone(),
            tokens: steps.iter().map(|step| count(step.tokens_used)).sum(),
            cost,
            paid_tokens: count(run.total_tokens),
            paid_cost: (run.unpriced_requests == 0).then_some(run.total_cost),
            execution_time_ms: run.execution_time_ms.map(count),
        };
        Ok((summary, steps.into_iter().map(Placed::of).collect()))
    }
}

/// A step and where it stands in its run.
struct Placed {
    name: String,
    scope: String,
    step: StepSummary,
}

impl Placed {
    fn of(step: JournalStep) -> Self {
        Self {
            name: step.step_name.clone(),
            scope: step.scope.clone().unwrap_or_default(),
            step: StepSummary::of(step),
        }
    }
}

/// Matches steps of one name: first in the very same scope, then in scopes that differ in what they work on only.
fn pairs(old: Vec<Placed>, new: Vec<Placed>) -> Vec<StepPair> {
    let mut exact: HashMap<(String, String), VecDeque<usize>> = HashMap::new();
    let mut alike: HashMap<(String, String), VecDeque<usize>> = HashMap::new();
    for (place, step) in new.iter().enumerate() {
        let name = || step.name.clone();
        let same = exact.entry((name(), step.scope.clone())).or_default();
        same.push_back(place);
        let like = alike.entry((name(), names(&step.scope))).or_default();
        like.push_back(place);
    }
    let mut new: Vec<Option<Placed>> = new.into_iter().map(Some).collect();
    let mut take = |places: Option<&mut VecDeque<usize>>| {
        let places = places?;
        std::iter::from_fn(|| places.pop_front())
            .find_map(|place| new[place].take())
            .map(|found| found.step)
    };
    // All that are the same first: what is left may then be matched with its like.
    let same: Vec<Option<StepSummary>> = old
        .iter()
        .map(|step| take(exact.get_mut(&(step.name.clone(), step.scope.clone()))))
        .collect();
    let mut pairs: Vec<StepPair> = old
        .into_iter()
        .zip(same)
        .map(|(step, same)| {
            let like = (step.name.clone(), names(&step.scope));
            StepPair {
                after: same.or_else(|| take(alike.get_mut(&like))),
                step_name: step.name,
                before: Some(step.step),
            }
        })
        .collect();
    pairs.extend(new.into_iter().flatten().map(|added| StepPair {
        step_name: added.name,
        before: None,
        after: Some(added.step),
    }));
    pairs
}

impl StepSummary {
    fn of(step: JournalStep) -> Self {
        let model = model_asked(&step);
        Self {
            step_run_id: step.id,
            output: step
                .outputs
                .and_then(|json| serde_json::from_str(&json).ok()),
            tokens: count(step.tokens_used),
            cost: step.cost_estimate,
            model,
            is_shared: step.origin_run_id.is_some(),
        }
    }
}

fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .steps
            .iter()
            .map(|pair| pair.step_name.chars().count())
            .max()
            .unwrap_or(0)
            .max("total".len());
        writeln!(f, "{:width$}  {:>28}  {:>28}", "", "before", "after")?;
        for StepPair {
            step_name,
            before,
            after,
        } in &self.steps
        {
            let cell = |step: &Option<StepSummary>| step.as_ref().map_or("-".to_owned(), cell_of);
            writeln!(
                f,
                "{step_name:width$}  {:>28}  {:>28}",
                cell(before),
                cell(after)
            )?;
        }
        let total = |run: &RunSummary| format!("{} tokens, {}", run.tokens, usd(run.cost));
        let paid = |run: &RunSummary| format!("{} tokens, {}", run.paid_tokens, usd(run.paid_cost));
        writeln!(
            f,
            "{:width$}  {:>28}  {:>28}",
            "total",
            total(&self.before),
            total(&self.after)
        )?;
        writeln!(
            f,
            "{:width$}  {:>28}  {:>28}",
            "paid",
            paid(&self.before),
            paid(&self.after)
        )?;
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        Ok(())
    }
}

fn cell_of(step: &StepSummary) -> String {
    let shared = if step.is_shared { ", shared" } else { "" };
    format!("{} tokens, {}{shared}", step.tokens, usd(step.cost))
}

fn usd(cost: Option<f64>) -> String {
    cost.map_or("unknown price".to_owned(), |cost| format!("${cost:.4}"))
}
