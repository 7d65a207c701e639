//! What is in doubt of a recorded run, and what its owner is told.

use chrono::{DateTime, Utc};
use flow_engine_db::{JournalStep, StepStatus};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, ErrorKind};
use crate::run::kept::kept;

/// An effect that has begun, and of which nobody knows whether it was had: see [`Engine::in_doubt`](crate::Engine::in_doubt).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Doubt {
    /// The row of the step: `flow_step_runs.id`.
    pub step_run_id: Uuid,
    /// The step's name.
    pub step_name: String,
    /// What the effect is known by in its run.
    pub key: String,
    /// The inputs of the step.
    pub inputs: Value,
    /// What the step failed with; `None` if it was cut off.
    pub error: Option<String>,
    /// When it ended without a result; if its process was killed, when it began.
    pub since: DateTime<Utc>,
}

impl Doubt {
    fn of(step: &JournalStep) -> Option<Self> {
        let is_in_doubt = step.status.is_open() || step.status == StepStatus::InDoubt;
        let key = step.once_key.clone().filter(|_| is_in_doubt)?;
        Some(Self {
            step_run_id: step.id,
            step_name: step.step_name.clone(),
            key,
            inputs: serde_json::from_str(&step.inputs).unwrap_or_default(),
            error: kept(step)
                .error
                .map(|record| Error::from_record(record).cause_line()),
            since: step.completed_at.unwrap_or(step.created_at),
        })
    }
}

/// The effects in doubt of a run that nobody executes, the oldest first.
pub(crate) fn doubts(steps: &[JournalStep]) -> Vec<Doubt> {
    steps.iter().filter_map(Doubt::of).collect()
}

/// That a run is in doubt, and the way out.
pub(crate) fn in_doubt(root_run_id: Uuid, doubts: &[Doubt]) -> Option<Error> {
    let first = doubts.first()?;
    let message = message(
        root_run_id,
        (&first.step_name, &first.key, first.step_run_id),
        first.error.as_deref(),
        doubts.len() - 1,
    );
    Some(Error::new(ErrorKind::InDoubt, message))
}

/// What is said of the first effect in doubt, and that there are more.
pub(super) fn message(
    root_run_id: Uuid,
    (step_name, key, step_run_id): (&str, &str, Uuid),
    error: Option<&str>,
    others: usize,
) -> String {
    let why = match error {
        Some(error) => format!("it failed ({error})"),
        None => "it was cut off".to_owned(),
    };
    let others = match others {
        0 => String::new(),
        1 => ", and of one other".to_owned(),
        count => format!(", and of {count} others"),
    };
    format!(
        "the run {root_run_id} is in doubt: nobody knows what became of the effect `{key}` of the step `{step_name}` (step \
         run {step_run_id}), since {why}{others}; find out, then say `engine.resolve({root_run_id}, {key:?}, \
         Resolution::Done(output))` if it was had, `Resolution::Fail` if it was not and is to count as failed, or \
         `Resolution::Retry` to run it again; then resume the run, unless a worker does"
    )
}
