//! What earlier executions recorded, summed up: where counters begin, and what a killed process could not write any more.

use std::collections::HashMap;

use flow_engine_db::{
    JournalStep, LlmRequest, Progress, RequestStatus, RunProgress, StepFinish, StepStatus, Write,
};
use uuid::Uuid;

use crate::run::progress::{Beginning, Spent, nano_usd};

/// How many steps have come to an end that was theirs: what a root run has achieved.
pub(crate) fn ended_steps(recorded: &flow_engine_db::Journal) -> i32 {
    let has_ended =
        |step: &&JournalStep| matches!(step.status, StepStatus::Completed | StepStatus::Failed);
    let ended = recorded.steps.iter().filter(has_ended).count();
    i32::try_from(ended).unwrap_or(i32::MAX)
}

/// For each run what its row says, and what was spent by steps that did not come to their end: a row counts a step's
/// requests when the step ends.
pub(super) fn beginnings(recorded: &flow_engine_db::Journal) -> HashMap<Uuid, Beginning> {
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
        // A fork that begins has no row yet, and rows of effects.
        let run = all.entry(step.flow_run_id).or_default();
        run.step_rows = run.step_rows.max(step.step_order);
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
    for (run, paid) in paid(recorded, &parents) {
        if let Some(beginning) = all.get_mut(&run) {
            beginning.spent.raise(paid);
        }
    }
    all
}

/// What the ledger says of each run with all below it. A row says less where the end of a step was refused or lost, and what
/// it had asked for was answered all the same.
fn paid(
    recorded: &flow_engine_db::Journal,
    parents: &HashMap<Uuid, Option<Uuid>>,
) -> HashMap<Uuid, Spent> {
    let mut sums: HashMap<Uuid, Spent> = HashMap::new();
    for own in &recorded.paid {
        let spent = Spent {
            tokens: u64::try_from(own.tokens).unwrap_or(0),
            cost_nano_usd: own.cost_nano_usd,
            unpriced_requests: u32::try_from(own.unpriced_requests).unwrap_or(u32::MAX),
        };
        let mut next = Some(own.flow_run_id);
        while let Some(run) = next {
            sums.entry(run).or_default().add(spent);
            next = parents.get(&run).copied().flatten();
        }
    }
    sums
}

/// The ends of steps that were cut off after they had sent a request, and the sums of the runs that paid for them.
pub(super) fn unwritten(
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
