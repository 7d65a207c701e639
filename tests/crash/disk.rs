//! What a database holds, read beside the program.

use std::collections::BTreeMap;

use flow_engine::{FlowRun, FlowStepRun, LlmRequest, RequestStatus, RunFilter, StepStatus, Uuid};
use serde_json::Value;

use crate::server::{Counts, question};

/// All rows of a database in which one flow was executed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Disk {
    pub(crate) runs: Vec<FlowRun>,
    pub(crate) steps: Vec<FlowStepRun>,
    pub(crate) requests: Vec<LlmRequest>,
}

impl Disk {
    pub(crate) async fn read(url: &str) -> Self {
        let store = flow_engine_db::connect(url).await.unwrap();
        let all = RunFilter {
            limit: 1000,
            ..RunFilter::default()
        };
        let mut disk = Self {
            runs: store.runs(all).await.unwrap(),
            ..Self::default()
        };
        for run in &disk.runs {
            disk.steps.extend(store.steps(run.id).await.unwrap());
            disk.requests.extend(store.requests(run.id).await.unwrap());
        }
        store.close().await;
        disk
    }

    pub(crate) fn root(&self) -> Option<&FlowRun> {
        let mut roots = self.runs.iter().filter(|run| run.is_root());
        let root = roots.next();
        assert!(roots.next().is_none(), "more than one root run");
        root
    }

    /// Steps that came to an end of their own, by status.
    pub(crate) fn ended(&self, statuses: &[StepStatus]) -> impl Iterator<Item = &FlowStepRun> {
        let ended = self.steps.iter();
        ended.filter(move |step| statuses.contains(&step.status))
    }

    /// Questions whose answers are known: those in the ledger, and refusals that a step has ended with.
    pub(crate) fn answered(&self, statuses: &[StepStatus]) -> Counts {
        let ended_with = |request: &LlmRequest| {
            self.steps.iter().any(|step| {
                step.status == StepStatus::Failed && step.llm_request_id == Some(request.id)
            })
        };
        let replayed = statuses.contains(&StepStatus::Failed);
        // Behind a gap a request has no step, and nobody finds it.
        let of_steps = self
            .requests
            .iter()
            .filter(|request| request.step_run_id.is_some());
        counted(of_steps.filter(|request| {
            request.status == RequestStatus::Succeeded || replayed && ended_with(request)
        }))
    }

    /// Questions in the ledger, whatever came of them.
    pub(crate) fn sent(&self) -> Counts {
        counted(self.requests.iter())
    }

    /// Outcomes that were recorded because a question was not answered: by the question's kind.
    pub(crate) fn given_up(&self) -> Counts {
        let mut counts = Counts::new();
        for step in self.ended(&[StepStatus::Completed, StepStatus::Failed]) {
            let never = match (step.step_name.as_str(), step.status) {
                ("flow_engine::race", StepStatus::Completed) => "never wins",
                ("flow_engine::timeout", StepStatus::Failed) => "never in time",
                _ => continue,
            };
            *counts.entry(never.to_owned()).or_default() += 1;
        }
        counts
    }

    /// What the ended steps are, as any two executions agree on it: flow, step, status, inputs, output.
    pub(crate) fn work(&self, statuses: &[StepStatus]) -> Vec<[String; 5]> {
        let flow = |id: Uuid| &self.runs.iter().find(|run| run.id == id).unwrap().flow_name;
        let mut work: Vec<_> = self
            .ended(statuses)
            .map(|step| {
                let by_chance = matches!(
                    step.step_name.as_str(),
                    "flow_engine::now" | "flow_engine::random" | "stamp"
                );
                let shown = |value: Option<&Value>| match value {
                    Some(value) if !by_chance => value.to_string(),
                    _ => String::new(),
                };
                [
                    flow(step.flow_run_id).clone(),
                    step.step_name.clone(),
                    step.status.to_string(),
                    shown(Some(&step.inputs)),
                    shown(step.outputs.as_ref()),
                ]
            })
            .collect();
        work.sort();
        work
    }

    /// Each run's flow and how it ended, in some order.
    pub(crate) fn flows(&self) -> Vec<[String; 3]> {
        let mut flows: Vec<_> = self
            .runs
            .iter()
            .map(|run| {
                let output = run.outputs.as_ref().map(Value::to_string);
                [
                    run.flow_name.clone(),
                    run.status.to_string(),
                    output.unwrap_or_default(),
                ]
            })
            .collect();
        flows.sort();
        flows
    }

    /// What the ledger says was spent below each run: tokens, and requests of unknown price.
    pub(crate) fn spent(&self) -> BTreeMap<Uuid, (i64, i64)> {
        let mut spent: BTreeMap<Uuid, (i64, i64)> =
            self.runs.iter().map(|run| (run.id, (0, 0))).collect();
        for request in &self.requests {
            let tokens = request.input_tokens.unwrap_or(0) + request.output_tokens.unwrap_or(0);
            let refused = request.status == RequestStatus::Failed && request.http_status.is_some();
            let mut next = Some(request.flow_run_id);
            while let Some(id) = next {
                let sums = spent.get_mut(&id).unwrap();
                sums.0 += tokens;
                sums.1 += i64::from(!refused);
                next = self
                    .runs
                    .iter()
                    .find(|run| run.id == id)
                    .unwrap()
                    .parent_run_id;
            }
        }
        spent
    }
}

fn counted<'a>(requests: impl Iterator<Item = &'a LlmRequest>) -> Counts {
    let mut counts = Counts::new();
    for request in requests {
        let body = request.request.as_ref().expect("a body");
        *counts.entry(question(body)).or_default() += 1;
    }
    counts
}
