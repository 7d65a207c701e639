//! What the tables must say of a run that has completed, whatever happened to it before.

use std::collections::BTreeMap;

use flow_engine::prelude::*;
use flow_engine::{
    FlowRun, FlowStepRun, LlmRequest, RequestStatus, RunFilter, RunStatus, StepStatus,
};
use serde_json::Value;
use uuid::Uuid;

use crate::model::Counts;
use crate::program::{Trace, lane};

/// All rows below a root run.
pub(crate) struct Ledger {
    pub(crate) runs: Vec<FlowRun>,
    pub(crate) steps: Vec<FlowStepRun>,
    pub(crate) requests: Vec<LlmRequest>,
}

impl Ledger {
    pub(crate) async fn of(engine: &Engine, root: Uuid) -> Self {
        let run = engine
            .find_run(root)
            .await
            .unwrap()
            .expect("the run has a row");
        let mut runs = vec![run];
        let (mut steps, mut requests) = (Vec::new(), Vec::new());
        let mut next = 0;
        while let Some(id) = runs.get(next).map(|run| run.id) {
            let below = RunFilter {
                parent_run_id: Some(id),
                limit: 10_000,
                ..RunFilter::default()
            };
            runs.extend(engine.runs(below).await.unwrap());
            steps.extend(engine.steps_of(id).await.unwrap());
            requests.extend(engine.requests_of(id).await.unwrap());
            next += 1;
        }
        Self {
            runs,
            steps,
            requests,
        }
    }

    /// The completed steps of these names, with their outputs.
    fn completed(&self, names: &[&str]) -> impl Iterator<Item = (&FlowStepRun, String)> {
        let is_completed = |row: &&FlowStepRun| {
            names.contains(&row.step_name.as_str()) && row.status == StepStatus::Completed
        };
        let rows: Vec<_> = self.steps.iter().filter(is_completed).collect();
        rows.into_iter()
            .map(|row| match row.outputs.clone().unwrap() {
                Value::String(text) => (row, text),
                other => (row, other.to_string()),
            })
    }

    /// How often a step of this name has completed.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.completed(&[name]).count()
    }

    pub(crate) fn assert_nothing_is_open(&self) {
        assert_eq!(self.runs[0].status, RunStatus::Completed);
        for run in &self.runs {
            assert!(
                run.completed_at.is_some(),
                "the run {} is {}",
                run.flow_name,
                run.status
            );
        }
        for step in &self.steps {
            assert!(
                !step.status.is_open(),
                "the step {} is {}",
                step.step_name,
                step.status
            );
        }
        for request in &self.requests {
            assert_ne!(request.status, RequestStatus::Sent);
        }
    }

    /// What a run says it took is what its requests and those below it took.
    pub(crate) fn assert_sums(&self) {
        for run in &self.runs {
            let tree = self.tree(run.id);
            let of_tree = || {
                self.requests
                    .iter()
                    .filter(|request| tree.contains(&request.flow_run_id))
            };
            let tokens: i64 = of_tree()
                .map(|request| {
                    request.input_tokens.unwrap_or(0) + request.output_tokens.unwrap_or(0)
                })
                .sum();
            let sums = (run.total_tokens, run.unpriced_requests);
            assert_eq!(
                sums,
                (tokens, i64::try_from(of_tree().count()).unwrap()),
                "tokens and requests of {run:?}"
            );
        }
    }

    fn tree(&self, root: Uuid) -> Vec<Uuid> {
        let mut tree = vec![root];
        let mut next = 0;
        while let Some(id) = tree.get(next).copied() {
            let below = self.runs.iter().filter(|run| run.parent_run_id == Some(id));
            tree.extend(below.map(|run| run.id));
            next += 1;
        }
        tree
    }

    /// Every request has a row, and every answer that was received is the output of a step.
    pub(crate) fn assert_nothing_is_lost(&self, model: Counts) {
        assert_eq!(self.requests.len() as u64, model.sent, "requests");
        assert_eq!(model.answered + model.dropped, model.sent);
        assert_eq!(self.count("inquire") as u64, model.answered, "answers");
        // A task that was dropped before its end may have done its work.
        assert!(self.count("note") as u64 <= model.notes, "tasks");
    }

    /// What was recorded is what the output was made of, but for what was left behind by a choice: no step was executed in
    /// place of a recorded one.
    pub(crate) fn assert_all_was_used(&self, trace: &Trace) {
        let is_lost = |row: &FlowStepRun, output: &str| {
            // A value does not tell its lane.
            let may_be_lost =
                row.step_name == RANDOM && row.scope.as_deref().is_some_and(is_choice);
            may_be_lost || trace.lost.iter().any(|lost| lane(output).starts_with(lost))
        };
        let recorded: Vec<_> = self.completed(&["inquire", "note", RANDOM]).collect();
        let kept = recorded
            .iter()
            .filter(|(row, output)| !is_lost(row, output));
        let kept = tally(kept.map(|(_, output)| output));
        let used = tally(&trace.used);
        let recorded = tally(recorded.iter().map(|(_, output)| output));
        let unasked = more(&kept, &used);
        let unknown = more(&used, &recorded);
        assert!(
            unasked.is_empty() && unknown.is_empty(),
            "recorded and not used: {unasked:#?}\nused and not recorded: {unknown:#?}\n{:#?}",
            self.story()
        );
    }

    /// The steps in the order of their starts, for a failure's message.
    fn story(&self) -> Vec<String> {
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_by_key(|step| (step.created_at, step.id));
        let line = |step: &&FlowStepRun| {
            let scope = step.scope.as_deref().unwrap_or("-");
            let (inputs, reason) = (&step.inputs, step.miss_reason.as_deref().unwrap_or("-"));
            let output = step
                .outputs
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            format!(
                "{} {inputs} {} {output} in {scope}; {reason}",
                step.step_name, step.status
            )
        };
        steps.iter().map(line).collect()
    }
}

/// The step that `flow_engine::random` records.
const RANDOM: &str = "flow_engine::random";

/// Whether a scope is inside of a branch that a choice may give up.
fn is_choice(scope: &str) -> bool {
    scope
        .split('/')
        .any(|label| label.starts_with("race") || label.starts_with("timeout"))
}

type Tally<'a> = BTreeMap<&'a str, usize>;

fn tally<'a>(outputs: impl IntoIterator<Item = &'a String>) -> Tally<'a> {
    let mut tally = Tally::new();
    for output in outputs {
        *tally.entry(output).or_default() += 1;
    }
    tally
}

/// What one holds more often than the other.
fn more<'a>(one: &Tally<'a>, other: &Tally<'_>) -> Vec<&'a str> {
    let missing = |(output, times): &(&&str, &usize)| other.get(**output).unwrap_or(&0) < times;
    one.iter()
        .filter(missing)
        .map(|(output, _)| *output)
        .collect()
}
