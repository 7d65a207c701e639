//! What `.execute()` gives: the output, and what it took.

use flow_engine_db::{FlowRun, JournalStep};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::kept::metadata;
use crate::call::Executed;
use crate::definition::Definition;
use crate::error::{Error, ErrorKind};
use crate::inputs::at_path;
use crate::output::Erased;

/// What an execution took.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// Input and output tokens of every request, failed ones too. A step that is recorded says what it took when it was
    /// executed, also in the run that takes it from another one; what a run paid itself is in its row.
    pub tokens_used: u64,
    /// US dollars; `None` when the price of a request is not known. What never sent a request costs 0.
    pub cost_estimate: Option<f64>,
    /// Milliseconds from start to end.
    pub execution_time_ms: u64,
    /// Who answered: `openai`, `127.0.0.1:8080`, `mock`, …; `None` for a task or a flow.
    pub provider: Option<String>,
    /// The model that answered, in the provider's words; `None` for a task or a flow.
    pub model: Option<String>,
}

/// The output of a step with what it took.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepResult<T> {
    /// The run it belongs to: `flow_runs.id`.
    pub run_id: Uuid,
    /// Its own row: `flow_step_runs.id`.
    pub step_run_id: Uuid,
    /// The step's name.
    pub step_name: &'static str,
    /// The output.
    pub output_content: T,
    /// Tokens, cost, time, model.
    pub metadata: Metadata,
}

/// The output of a flow with what it took, sub-flows included.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FlowResult<T> {
    /// Its row: `flow_runs.id`.
    pub run_id: Uuid,
    /// The flow's name.
    pub flow_name: &'static str,
    /// The output.
    pub output_content: T,
    /// Tokens, cost and time of all steps.
    pub metadata: Metadata,
}

/// How a call ended, without its type.
#[derive(Debug)]
#[doc(hidden)]
pub struct Done {
    pub(super) run_id: Uuid,
    /// Its own row: the step's, or the run's.
    pub(super) id: Uuid,
    pub(super) name: &'static str,
    pub(super) output: Erased,
    pub(super) metadata: Metadata,
}

impl Done {
    /// The end of a run that has completed, as its rows have it; for a step used alone with the row of that.
    ///
    /// # Errors
    /// When the output is of another type by now.
    pub(crate) fn of_recorded(
        definition: &'static Definition,
        run: &FlowRun,
        step: Option<&JournalStep>,
    ) -> Result<Self, Error> {
        let json = match step {
            Some(step) => step.outputs.clone(),
            None => run.outputs.as_ref().map(ToString::to_string),
        };
        let output = definition.output().read_back(json.unwrap_or_default());
        let output = output.map_err(|error| {
            let message = format!(
                "the run {} has completed, with an output that `{}` does not give any more: {error}",
                run.id,
                definition.name()
            );
            Error::new(ErrorKind::InvalidOutput, message)
        })?;
        let metadata = step.map_or_else(|| of_run(run), metadata);
        Ok(Self {
            run_id: run.id,
            id: step.map_or(run.id, |step| step.id),
            name: definition.name(),
            output: output.output,
            metadata,
        })
    }

    pub(super) fn into_output<T: 'static>(self) -> T {
        self.output.into_inner()
    }
}

fn of_run(run: &FlowRun) -> Metadata {
    Metadata {
        tokens_used: u64::try_from(run.total_tokens).unwrap_or(0),
        cost_estimate: (run.unpriced_requests == 0).then_some(run.total_cost),
        execution_time_ms: run
            .execution_time_ms
            .and_then(|time| u64::try_from(time).ok())
            .unwrap_or(0),
        provider: None,
        model: None,
    }
}

impl FlowResult<Value> {
    /// The output of a run that was found by its id, as the type that it is of.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_path_to_error::deserialize(&self.output_content).map_err(|error| {
            let reason = at_path(error);
            let message = format!(
                "the output of `{}` is of another type: {reason}",
                self.flow_name
            );
            Error::new(ErrorKind::InvalidOutput, message)
        })
    }
}

impl<T: 'static> Executed for StepResult<T> {
    type Output = T;

    fn into_output(self) -> T {
        self.output_content
    }

    fn of(done: Done) -> Self {
        Self {
            run_id: done.run_id,
            step_run_id: done.id,
            step_name: done.name,
            output_content: done.output.into_inner(),
            metadata: done.metadata,
        }
    }
}

impl<T: 'static> Executed for FlowResult<T> {
    type Output = T;

    fn into_output(self) -> T {
        self.output_content
    }

    fn of(done: Done) -> Self {
        Self {
            run_id: done.run_id,
            flow_name: done.name,
            output_content: done.output.into_inner(),
            metadata: done.metadata,
        }
    }
}
