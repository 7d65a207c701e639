//! Forks: a new run that takes over what another one recorded, up to what is to differ.

mod effects;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, DurationRound, TimeDelta};
use flow_engine_db::{FlowRun, Journal, JournalStep, NewFork, RunStatus, StepStatus};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Engine;
use super::recovery::{not_linked, refused};
use crate::artifacts::names_in;
use crate::call::AnyCall;
use crate::definition::find;
use crate::error::Error;
use crate::run::{
    ASIDE, Claim, FlowResult, Origin, Row, Run, RunOptions, Shared, Tree, Variation,
    as_untyped_run, doubts, in_doubt, model_asked,
};

/// A run that is to begin with what another one recorded: [`Engine::fork`] makes it.
#[derive(Debug)]
#[must_use = "a fork does nothing until it is executed"]
pub struct ForkRequest {
    engine: Engine,
    forked_from: Uuid,
    id: Uuid,
    from_step: Option<String>,
    model: Option<String>,
}

impl Engine {
    /// A new run of the same flow with the same inputs, that takes over the recorded steps of a run up to what differs:
    /// code or prompts that were edited, or what [`from`](ForkRequest::from) and [`with_model`](ForkRequest::with_model)
    /// say. What it takes over is not paid again. The run stays as it is.
    ///
    /// [`compare`](Self::compare) shows both side by side.
    pub fn fork(&self, run_id: Uuid) -> ForkRequest {
        ForkRequest {
            engine: self.clone(),
            forked_from: run_id,
            id: Uuid::now_v7(),
            from_step: None,
            model: None,
        }
    }

    /// What a run shares with the one that it was forked from, if it was.
    pub(super) async fn shared_with(&self, run_id: Uuid) -> Result<(Shared, Variation), Error> {
        let store = &self.services.store;
        let Some(fork) = store.fork(run_id).await? else {
            return Ok((Shared::default(), Variation::default()));
        };
        let recorded = store.journal(fork.forked_from).await?;
        let shared = shared(recorded, fork.from_step.as_deref(), fork.model.as_deref());
        let variation = Variation {
            model: fork.model.or(fork.inherited_model),
            ..Variation::default()
        };
        Ok((shared, variation))
    }
}

impl ForkRequest {
    /// The id that the new run will have.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Runs this step again and what started after its end, whatever is recorded of them: in a run with parallel branches, that
    /// of all branches. Tasks run again, too, with all that they do, but for `once` steps: what their effects gave in the run is
    /// taken over wherever the fork begins to differ.
    pub fn from(mut self, step: impl Into<String>) -> Self {
        self.from_step = Some(step.into());
        self
    }

    /// Asks this model in place of all others; together with [`from`](Self::from), from that step on.
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Executes the new run to its end.
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`](crate::ErrorKind::NotResumable) if there is no such run, it is being executed, its flow
    /// is not in this program, or it has no such step; [`ErrorKind::InDoubt`](crate::ErrorKind::InDoubt) if nobody knows what
    /// became of an effect of it. Else, what the new run fails with.
    pub fn execute(self) -> BoxFuture<'static, Result<FlowResult<Value>, Error>> {
        async move {
            let (run, call) = self.begin().await?;
            as_untyped_run(run, call).await
        }
        .boxed()
    }

    async fn begin(self) -> Result<(Arc<Run>, Box<dyn AnyCall>), Error> {
        let Self {
            engine,
            forked_from,
            id,
            from_step,
            model,
        } = self;
        let forked_from = engine.root_of(forked_from).await?;
        let cannot = |reason: &str| refused(forked_from, "forked", reason);
        if Claim::is_taken(forked_from) {
            return Err(cannot("it is being executed"));
        }
        let store = engine.store().await;
        let recorded = store.journal(forked_from).await?;
        let Some(source) = recorded.runs.iter().find(|run| run.id == forked_from) else {
            return Err(cannot("there is no such root run"));
        };
        let Some(registered) = find(&source.flow_name) else {
            return Err(cannot(&not_linked(&source.flow_name)));
        };
        // The fork could only have the effect again, or do without it.
        if let Some(doubt) = in_doubt(forked_from, &doubts(&recorded.steps)) {
            return Err(doubt.in_flow(&source.flow_name, forked_from));
        }
        if let Some(step) = &from_step
            && !recorded.steps.iter().any(|row| row.step_name == *step)
        {
            return Err(cannot(&format!("it has no step `{step}`")));
        }
        let inputs = match source.inputs.clone() {
            Value::Object(inputs) => inputs,
            _ => Map::new(),
        };
        let call = registered.recorded_call(inputs)?;
        let (user_id, metadata) = (source.user_id, source.flow_metadata.clone());
        let start_at = source.start_at;
        // A fork of a fork goes on with its model.
        let origin = store.fork(forked_from).await?;
        let inherited_model = origin.and_then(|origin| origin.model.or(origin.inherited_model));
        let taken_over = effects::taken_over(id, &recorded.steps);
        let shared = shared(recorded, from_step.as_deref(), model.as_deref());
        let variation = Variation {
            effects: effects::writes(&taken_over),
            model: model.clone().or_else(|| inherited_model.clone()),
            row: Some(NewFork {
                run_id: id,
                forked_from,
                from_step,
                model,
                inherited_model,
            }),
            artifacts: artifacts(&shared),
        };
        let options = RunOptions {
            id,
            user_id,
            metadata,
            start_at,
            tree: Tree::resumed(
                Journal {
                    steps: taken_over,
                    ..Journal::default()
                },
                shared,
                true,
                variation,
            ),
        };
        let services = Arc::clone(&engine.services);
        let run = Run::root(services, call.definition(), options.claimed()?);
        Ok((Arc::new(run), call))
    }
}

/// The successes of a run, of which a fork leaves out those in which it is to differ: from a step on, that step and what
/// could depend on it because it started after its end; with a model and no such step, what another model gave.
fn shared(recorded: Journal, from_step: Option<&str>, model: Option<&str>) -> Shared {
    let steps = recorded.steps;
    let completed = recorded
        .runs
        .iter()
        .any(|run| run.is_root() && run.status == RunStatus::Completed);
    let is_shared = |step: &JournalStep| match step.status {
        StepStatus::Completed => true,
        // A timeout that the run got over.
        StepStatus::Failed => completed && step.kind == ASIDE,
        _ => false,
    };
    let is_named = |step: &JournalStep| Some(step.step_name.as_str()) == from_step;
    let named: Vec<JournalStep> = steps
        .iter()
        .filter(|step| is_named(step))
        .cloned()
        .collect();
    let other_model = model.filter(|_| from_step.is_none());
    let rows = steps
        .into_iter()
        // The fork has its own rows of effects.
        .filter(|step| step.once_key.is_none())
        .map(|step| {
            let differs = match other_model {
                Some(wanted) => model_asked(&step).is_some_and(|asked| asked != wanted),
                None => is_named(&step) || named.iter().any(|named| is_after(&step, named)),
            };
            let origin = if !is_shared(&step) {
                Origin::Unfinished
            } else if differs {
                Origin::LeftOut
            } else {
                Origin::Shared
            };
            Row { step, origin }
        })
        .collect();
    let ended = |run: &FlowRun| !run.is_root() && run.status == RunStatus::Completed;
    let runs = recorded.runs.into_iter().filter(ended).collect();
    Shared { rows, runs }
}

/// The artifacts that are named by what is shared.
fn artifacts(shared: &Shared) -> BTreeSet<String> {
    let shared_rows = shared
        .rows
        .iter()
        .filter(|row| row.origin == Origin::Shared);
    let of_steps = shared_rows.flat_map(|row| {
        let texts = [Some(row.step.inputs.as_str()), row.step.outputs.as_deref()];
        texts.into_iter().flatten().flat_map(names_in)
    });
    of_steps.map(str::to_owned).collect()
}

/// Whether a step started after the end of another one.
fn is_after(step: &JournalStep, other: &JournalStep) -> bool {
    if step.flow_run_id == other.flow_run_id && step.step_order < other.step_order {
        return false;
    }
    let millisecond = TimeDelta::milliseconds(1);
    let taken_over = |step: &JournalStep| {
        // A copy keeps the times of its original; its id was made when it was taken over.
        let (seconds, nanos) = step.id.get_timestamp()?.to_unix();
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
    };
    let times = |step: &JournalStep| {
        (
            step.created_at,
            step.completed_at.unwrap_or(step.created_at),
        )
    };
    let is_copy = |step: &JournalStep| step.origin_run_id.is_some();
    let (start, end) = match (is_copy(step), is_copy(other)) {
        // An id has milliseconds only.
        (true, false) => (
            taken_over(step),
            times(other).1.duration_trunc(millisecond).ok(),
        ),
        (false, true) => (Some(times(step).0), taken_over(other)),
        _ => (Some(times(step).0), Some(times(other).1)),
    };
    start >= end
}
