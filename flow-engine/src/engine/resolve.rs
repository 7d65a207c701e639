//! Effects of which nobody knows whether they were had, and what a person decides of them.

use std::fmt;

use chrono::Utc;
use flow_engine_db::{
    ExecutionMode, FlowRun, Journal, JournalStep, Lease, RunPark, RunStatus, StepResolve,
    StepStatus,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Engine;
use super::recovery::{not_linked, refused};
use crate::call::Step;
use crate::definition::find;
use crate::error::{Error, ErrorKind};
use crate::output::Erased;
use crate::run::{Claim, Doubt, Tree, doubts, in_doubt, naming};

/// What a person has found out of an effect in doubt, and decides: see [`Engine::resolve`].
#[derive(Debug, Clone, PartialEq)]
pub enum Resolution {
    /// It was had, and gave this output, as JSON: the call returns it. [`Engine::resolve_done`] takes the output itself.
    Done(Value),
    /// It is run again.
    Retry,
    /// It counts as failed: the call returns an error, what the step failed with if that is known. A failed run that is
    /// resumed meets the same error again, until this is changed to [`Retry`](Self::Retry).
    Fail,
}

impl Resolution {
    fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Retry => "retry",
            Self::Fail => "fail",
        }
    }
}

/// Which effect of a run: that with this key, or, where several steps have it, of this row of `flow_step_runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EffectId {
    /// What it is known by in its run.
    Key(String),
    /// Its row: [`Doubt::step_run_id`].
    StepRun(Uuid),
}

impl From<&str> for EffectId {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<String> for EffectId {
    fn from(key: String) -> Self {
        Self::Key(key)
    }
}

impl From<Uuid> for EffectId {
    fn from(step_run_id: Uuid) -> Self {
        Self::StepRun(step_run_id)
    }
}

impl From<&Doubt> for EffectId {
    fn from(doubt: &Doubt) -> Self {
        Self::StepRun(doubt.step_run_id)
    }
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "the effect `{key}`"),
            Self::StepRun(id) => write!(f, "the effect of the step run {id}"),
        }
    }
}

impl EffectId {
    fn is_of(&self, step: &JournalStep) -> bool {
        match self {
            Self::Key(key) => step.once_key.as_deref() == Some(key),
            Self::StepRun(id) => step.id == *id,
        }
    }
}

impl Engine {
    /// The effects of a run, and of its sub-flows, of which nobody knows whether they were had, the oldest first. Empty if there
    /// are none, or if the run is being executed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn in_doubt(&self, run_id: Uuid) -> Result<Vec<Doubt>, Error> {
        let run_id = self.root_of(run_id).await?;
        let recorded = self.store().await.journal(run_id).await?;
        let root = recorded.runs.iter().find(|run| run.is_root());
        let now = Utc::now();
        let is_held = root.is_some_and(|run| {
            run.status == RunStatus::Running && run.lease_until.is_some_and(|until| until > now)
        });
        Ok(if is_held || Claim::is_taken(run_id) {
            Vec::new()
        } else {
            doubts(&recorded.steps)
        })
    }

    /// Decides what became of an effect in doubt, by its key or its row. When nothing of the run is in doubt any more, it goes
    /// on: a background run with the next [worker](super::Worker) that is free, another one when it is
    /// [resumed](Self::resume).
    ///
    /// Of two who decide at a time one is told that the other has. The step's row says in its metadata what was decided:
    /// `"resolved": "done"`.
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`] if there is no such run or effect, it is not in doubt, several steps have the key, or the
    /// run is being executed; [`ErrorKind::InvalidOutput`] if the output does not fit the step's type: the message names the
    /// path. Or why it could not be recorded.
    pub async fn resolve(
        &self,
        run_id: Uuid,
        effect: impl Into<EffectId>,
        resolution: Resolution,
    ) -> Result<(), Error> {
        self.resolved(run_id, effect.into(), resolution, None).await
    }

    /// Decides that the effect of a step `S` was had and gave this output: [`resolve`](Self::resolve) with
    /// [`Resolution::Done`].
    ///
    /// # Errors
    /// As for [`resolve`](Self::resolve), and when the effect is of another step.
    pub async fn resolve_done<S: Step>(
        &self,
        run_id: Uuid,
        effect: impl Into<EffectId>,
        output: S::Output,
    ) -> Result<(), Error> {
        let definition = S::definition();
        let output = definition.output().value_of(&Erased::new(output))?;
        let done = Resolution::Done(output);
        self.resolved(run_id, effect.into(), done, Some(definition.name()))
            .await
    }

    async fn resolved(
        &self,
        run_id: Uuid,
        effect: EffectId,
        resolution: Resolution,
        step_name: Option<&str>,
    ) -> Result<(), Error> {
        let run_id = self.root_of(run_id).await?;
        let refused = |reason: &str| refused(run_id, "resolved", reason);
        // What is not there to be decided needs no lease.
        let store = self.store().await;
        let recorded = store.journal(run_id).await?;
        if recorded.runs.is_empty() {
            return Err(refused("there is no such run"));
        }
        undecided(&recorded, &effect, &resolution, step_name).map_err(|reason| refused(&reason))?;
        let being_executed = || refused("it is being executed");
        let _claim = Claim::of(run_id).map_err(|_taken| being_executed())?;
        let term = self.services.leases.term();
        let Some(lease) = store.acquire(run_id, term).await? else {
            return Err(being_executed());
        };
        let written = self
            .resolve_under(lease, &effect, &resolution, step_name)
            .await;
        if written.is_err() {
            self.release(vec![lease]).await;
        }
        if written? == ExecutionMode::Background {
            self.services.queued.notify_one();
        }
        Ok(())
    }

    async fn resolve_under(
        &self,
        lease: Lease,
        effect: &EffectId,
        resolution: &Resolution,
        step_name: Option<&str>,
    ) -> Result<ExecutionMode, Error> {
        let run_id = lease.root_run_id;
        let refused = |reason: &str| refused(run_id, "resolved", reason);
        let Some(run) = self.find_run(run_id).await? else {
            return Err(refused("there is no such run"));
        };
        if let RunStatus::Completed | RunStatus::Cancelled = run.status {
            return Err(refused(&format!(
                "it is {}, and does not go on",
                run.status
            )));
        }
        if run.status == RunStatus::Running {
            // Its process was killed, and nobody has looked at it since.
            let tree = self.recorded(&run).await?;
            if let Some(error) = in_doubt(run_id, tree.doubts()) {
                self.park_in_doubt(lease, &run, &tree, &error).await?;
            }
        }
        let recorded = self.services.store.journal(run_id).await?;
        let step = undecided(&recorded, effect, resolution, step_name)
            .map_err(|reason| refused(&reason))?;
        let decided = decided(run_id, step, resolution)?;
        let unit = naming(run_id, vec![decided.into()]);
        self.services.store.submit(lease, unit).await?;
        Ok(run.execution_mode)
    }

    /// Says in its row that a run is in doubt which nobody executes.
    pub(super) async fn park_in_doubt(
        &self,
        lease: Lease,
        run: &FlowRun,
        tree: &Tree,
        doubt: &Error,
    ) -> Result<(), Error> {
        if !run.status.is_open() || run.status == RunStatus::InDoubt {
            return Ok(());
        }
        let park = RunPark {
            error_message: Some(doubt.cause_line()),
            execution_time_ms: run.execution_time_ms,
            ..RunPark::new(run.id, RunStatus::InDoubt, tree.progress(run))
        };
        let mut unit = tree.opening();
        unit.push(park.into());
        let unit = naming(run.id, unit);
        Ok(self.services.store.submit(lease, unit).await?)
    }

    /// Why a run that stands in doubt cannot go on; `None` if nothing of it is in doubt any more.
    pub(super) async fn doubt_about(&self, run_id: Uuid) -> Result<Option<Error>, Error> {
        let recorded = self.services.store.journal(run_id).await?;
        Ok(in_doubt(run_id, &doubts(&recorded.steps)))
    }
}

/// The row that a decision is about, or why there is none to be decided.
fn undecided<'r>(
    recorded: &'r Journal,
    effect: &EffectId,
    resolution: &Resolution,
    step_name: Option<&str>,
) -> Result<&'r JournalStep, String> {
    let of_effect = |step: &&JournalStep| step.once_key.is_some() && effect.is_of(step);
    let all: Vec<_> = recorded.steps.iter().filter(of_effect).collect();
    let may_be = |step: &JournalStep| match step.status {
        StepStatus::InDoubt => true,
        status if status.is_open() => true,
        // What was decided to have failed may be run again after all.
        StepStatus::Failed => *resolution == Resolution::Retry && step.call_key.is_some(),
        _ => false,
    };
    let open: Vec<_> = all.iter().filter(|step| may_be(step)).collect();
    let step: &JournalStep = match open[..] {
        [step] => step,
        [] => {
            return Err(match all.last() {
                None => format!(
                    "it has no such effect as {effect}; `engine.in_doubt({})` lists those in doubt",
                    recorded.runs[0].root_run_id
                ),
                Some(step) => format!("{effect} is not in doubt: {}", stands(step)),
            });
        }
        _ => {
            let rows: Vec<String> = open
                .iter()
                .map(|step| format!("{} of `{}`", step.id, step.step_name))
                .collect();
            return Err(format!(
                "several steps have {effect}; say which by its step run: {}",
                rows.join(", ")
            ));
        }
    };
    match step_name {
        Some(name) if name != step.step_name => Err(format!(
            "{effect} is one of the step `{}`, not of `{name}`",
            step.step_name
        )),
        _ => Ok(step),
    }
}

/// Why an effect is not in doubt.
fn stands(step: &JournalStep) -> String {
    let kept = metadata(step);
    match kept.get("resolved").and_then(Value::as_str) {
        Some(resolved) => format!("it was resolved before, as `{resolved}`"),
        None => format!("its step is {}", step.status),
    }
}

pub(super) fn metadata(step: &JournalStep) -> Map<String, Value> {
    let kept = step.step_metadata.as_deref();
    kept.and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

/// The decision, as it is written.
fn decided(
    root_run_id: Uuid,
    step: &JournalStep,
    resolution: &Resolution,
) -> Result<StepResolve, Error> {
    let mut kept = metadata(step);
    kept.insert("resolved".to_owned(), resolution.name().into());
    let (mut outputs, mut error_message) = (None, None);
    let status = match resolution {
        Resolution::Done(output) => {
            outputs = Some(fitting(step, output)?);
            StepStatus::Completed
        }
        Resolution::Retry => {
            error_message = error_of(&kept);
            StepStatus::Cancelled
        }
        Resolution::Fail => {
            let unknown = || {
                let key = step.once_key.as_deref().unwrap_or_default();
                let message = format!(
                    "the effect `{key}` counts as failed: what became of it was not known, and a person has decided so"
                );
                Error::new(ErrorKind::Failed, message).in_step(&step.step_name)
            };
            kept.entry("error")
                .or_insert_with(|| json!(unknown().record()));
            error_message = error_of(&kept);
            StepStatus::Failed
        }
    };
    Ok(StepResolve {
        id: step.id,
        root_run_id,
        status,
        completed_at: Utc::now(),
        outputs,
        step_metadata: Some(Value::from(kept).to_string()),
        error_message,
    })
}

/// What is kept of an error.
pub(super) fn error_of(kept: &Map<String, Value>) -> Option<String> {
    let record = serde_json::from_value(kept.get("error")?.clone()).ok()?;
    Some(Error::from_record(record).cause_line())
}

/// The output as the step would have recorded it, if it is of the step's type.
fn fitting(step: &JournalStep, output: &Value) -> Result<String, Error> {
    let name = &step.step_name;
    let Some(registered) = find(name) else {
        let message = format!(
            "the output cannot be held to its type: {}",
            not_linked(name)
        );
        return Err(Error::new(ErrorKind::NotResumable, message));
    };
    let of_type = registered.definition().output();
    let wrong = |reason: String| {
        let message = format!(
            "this is no output of `{name}`, which gives `{}`: {reason}",
            of_type.name()
        );
        Error::new(ErrorKind::InvalidOutput, message)
    };
    of_type.check(output).map_err(wrong)?;
    let read = of_type.read_back(output.to_string())?;
    Ok(of_type.record(&read.output)?.json)
}
