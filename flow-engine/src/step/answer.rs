//! What a kind makes of a model's answer.

use serde_json::Value;

use super::Repair;

/// The output of a model step, as [`StepKind::read`](super::StepKind::read) gives it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// JSON of the step's output type.
    pub value: Value,
    /// What was taken off the answer before it was that. The step's row keeps it, as `repaired` in the column
    /// `flow_step_runs.step_metadata`; the answer itself stays as it came in `llm_requests.response`.
    pub repairs: Vec<Repair>,
}

/// Read as it was.
impl<T: Into<Value>> From<T> for Answer {
    fn from(value: T) -> Self {
        Self {
            value: value.into(),
            repairs: Vec::new(),
        }
    }
}
