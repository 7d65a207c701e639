//! The effects of the run that is forked: they were had, so the fork has what they gave from its beginning, wherever it is cut.

use flow_engine_db::{JournalStep, NewStep, StepFinish, StepStatus, Write};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::engine::resolve::{error_of, metadata};

/// The rows of effects that were had, or count as failed, as rows of the fork.
pub(super) fn taken_over(fork: Uuid, steps: &[JournalStep]) -> Vec<JournalStep> {
    let is_decided = |step: &&JournalStep| {
        let ended = matches!(step.status, StepStatus::Completed | StepStatus::Failed);
        step.once_key.is_some() && step.call_key.is_some() && ended
    };
    let decided = steps.iter().filter(is_decided);
    (1..)
        .zip(decided)
        .map(|(order, step)| {
            let mut copy = step.clone();
            copy.id = Uuid::now_v7();
            copy.origin_run_id = Some(step.origin_run_id.unwrap_or(step.flow_run_id));
            copy.flow_run_id = fork;
            copy.step_order = order;
            copy.step_metadata = of_the_fork(metadata(step));
            copy
        })
        .collect()
}

/// An error fails in the fork that failed in its origin.
fn of_the_fork(mut kept: Map<String, Value>) -> Option<String> {
    let error = kept.get_mut("error").and_then(Value::as_object_mut);
    if let Some(error) = error {
        error.retain(|field, _| field != "run_id" && field != "flow");
    }
    (!kept.is_empty()).then(|| Value::from(kept).to_string())
}

/// What writes such rows.
pub(super) fn writes(steps: &[JournalStep]) -> Vec<Write> {
    let of_step = |step: &JournalStep| {
        let start = NewStep {
            kind: step.kind.clone(),
            inputs: step.inputs.clone(),
            created_at: step.created_at,
            call_key: step.call_key.clone(),
            key_algorithm: step.key_algorithm.clone(),
            content_hash: step.content_hash.clone(),
            schema_hash: step.schema_hash.clone(),
            code_hash: step.code_hash.clone(),
            scope: step.scope.clone(),
            previous_key: step.previous_key.clone(),
            origin_run_id: step.origin_run_id,
            once_key: step.once_key.clone(),
            ..NewStep::new(step.id, step.flow_run_id, &*step.step_name, step.step_order)
        };
        let end = StepFinish {
            completed_at: step.completed_at.unwrap_or(step.created_at),
            execution_time_ms: step.execution_time_ms,
            outputs: step.outputs.clone(),
            step_metadata: step.step_metadata.clone(),
            tokens_used: step.tokens_used,
            cost_estimate: step.cost_estimate,
            error_message: error_of(&metadata(step)).filter(|_| step.status == StepStatus::Failed),
            ..StepFinish::new(step.id, step.status)
        };
        [start.into(), end.into()]
    };
    steps.iter().flat_map(of_step).collect()
}
