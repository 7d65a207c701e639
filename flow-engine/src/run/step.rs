//! The life of a step: its row, its work, its end.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flow_engine_db::{Commit, NewStep, StepFinish, StepStatus, Write};
use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::attempt::Prepared;
use super::context::{PLACE, Place};
use super::flow::{live, panicked};
use super::progress::Spent;
use super::{Metadata, Run, StepResult};
use crate::call::{Step, Work};
use crate::definition::Definition;
use crate::error::Error;
use crate::inputs;
use crate::lock::lock;
use crate::output::Recorded;

/// A step of a run.
pub fn step_in_run<S: Step>(
    place: Place,
    call: S,
) -> BoxFuture<'static, Result<StepResult<S::Output>, Error>> {
    async move {
        let inputs = inputs_of(&call, &place.run)?;
        Ok(recorded(place.run, call, inputs).await?.output)
    }
    .boxed()
}

/// A step used alone: a run of one step.
pub fn step_as_run<S: Step>(
    run: Arc<Run>,
    call: S,
) -> BoxFuture<'static, Result<StepResult<S::Output>, Error>> {
    async move {
        let inputs = inputs_of(&call, &run)?;
        let content = recorded(Arc::clone(&run), call, inputs.clone()).boxed();
        let (result, _) = live(run, &inputs, content).await?;
        Ok(result)
    }
    .boxed()
}

fn inputs_of<S: Step>(call: &S, run: &Run) -> Result<Map<String, Value>, Error> {
    call.to_inputs().map_err(|error| {
        error
            .in_step(S::definition().name())
            .in_flow(run.definition.name(), run.id)
    })
}

/// Runs a step; the output comes with the form in which it is recorded.
async fn recorded<S: Step>(
    run: Arc<Run>,
    call: S,
    inputs: Map<String, Value>,
) -> Result<Recorded<StepResult<S::Output>>, Error> {
    let definition = S::definition();
    let place = |error: Error| {
        error
            .in_step(definition.name())
            .in_flow(run.definition.name(), run.id)
    };
    // Nothing is sent and no code runs yet: what the step reads is known here, before anything of it is recorded.
    let work = call.work(run.states()).and_then(|work| match work {
        Work::Model => Ok(Either::Left(Prepared::new(&run, definition, &inputs)?)),
        Work::Body(body) => Ok(Either::Right(body)),
    });
    let record = StepRecord::start(Arc::clone(&run), definition, &inputs).map_err(place)?;
    let content = async {
        match work? {
            Either::Left(prepared) => {
                let answer = prepared.ask(&record).await?;
                S::OUTPUT.read_back(answer.to_string())
            }
            Either::Right(body) => S::OUTPUT.record(&body.await.map_err(Error::recorded)?),
        }
    };
    let here = Place {
        run: Arc::clone(&run),
        step: Some((record.id, definition.name())),
    };
    let outcome = PLACE
        .scope(here, AssertUnwindSafe(content).catch_unwind())
        .await
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
        .map_err(place);
    match outcome {
        Ok(Recorded { json, output }) => {
            let (commit, metadata) = record.finish(StepStatus::Completed, Some(json.clone()), None);
            // A success counts once it is on disk.
            commit.await.map_err(|error| place(error.into()))?;
            let output = StepResult {
                run_id: run.id,
                step_run_id: record.id,
                step_name: definition.name(),
                output_content: output,
                metadata,
            };
            Ok(Recorded { json, output })
        }
        Err(error) => {
            let (commit, _) = record.finish(StepStatus::Failed, None, Some(&error));
            if let Err(unrecorded) = commit.await {
                tracing::error!(step = %record.id, error = %unrecorded, "the failure of a step could not be recorded");
            }
            Err(error)
        }
    }
}

/// The row of a step that runs. Dropped before its end, it writes an end.
pub(super) struct StepRecord {
    pub(super) run: Arc<Run>,
    pub(super) id: Uuid,
    started: Instant,
    asked: Mutex<Asked>,
    finished: AtomicBool,
}

/// What the requests of a step came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) spent: Spent,
    pub(super) last_request: Option<Uuid>,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
}

impl StepRecord {
    fn start(
        run: Arc<Run>,
        definition: &'static Definition,
        inputs: &Map<String, Value>,
    ) -> Result<Self, Error> {
        let id = Uuid::now_v7();
        let inputs = inputs::text(inputs)?;
        let kind = definition.kind().to_owned();
        // Not awaited: its end, which is, comes after it in the same queue.
        let _commit = run.opened(id, definition.name(), |order| {
            *order += 1;
            NewStep {
                kind,
                inputs,
                ..NewStep::new(id, run.id, definition.name(), *order)
            }
            .into()
        })?;
        Ok(Self {
            run,
            id,
            started: Instant::now(),
            asked: Mutex::default(),
            finished: AtomicBool::new(false),
        })
    }

    /// What its requests came to so far.
    pub(super) fn asked<T>(&self, change: impl FnOnce(&mut Asked) -> T) -> T {
        change(&mut lock(&self.asked))
    }

    fn metadata(&self) -> Metadata {
        let asked = self.asked(|asked| asked.clone());
        Metadata {
            tokens_used: asked.spent.tokens,
            cost_estimate: asked.spent.cost_usd(),
            execution_time_ms: u64::try_from(self.started.elapsed().as_millis())
                .unwrap_or(u64::MAX),
            provider: asked.provider,
            model: asked.model,
        }
    }

    fn finish(
        &self,
        status: StepStatus,
        outputs: Option<String>,
        error: Option<&Error>,
    ) -> (Commit, Metadata) {
        self.finished.store(true, Ordering::Release);
        let metadata = self.metadata();
        let asked = self.asked(|asked| asked.clone());
        let mut step_metadata = Map::new();
        if let Some(model) = &metadata.model {
            step_metadata.insert("provider".to_owned(), json!(metadata.provider));
            step_metadata.insert("model".to_owned(), json!(model));
        }
        if let Some(error) = error {
            step_metadata.insert("error".to_owned(), json!(error.record()));
        }
        let row: Write = StepFinish {
            execution_time_ms: i64::try_from(metadata.execution_time_ms).ok(),
            outputs,
            step_metadata: (!step_metadata.is_empty())
                .then(|| Value::from(step_metadata).to_string()),
            tokens_used: i64::try_from(asked.spent.tokens).unwrap_or(i64::MAX),
            cost_estimate: metadata.cost_estimate,
            llm_request_id: asked.last_request,
            error_message: error.map(Error::cause_line),
            ..StepFinish::new(self.id, status)
        }
        .into();
        (self.run.closed(self.id, asked.spent, row), metadata)
    }
}

impl Drop for StepRecord {
    fn drop(&mut self) {
        // A run that has ended has closed the rows of what it left behind.
        if !self.finished.load(Ordering::Acquire) && !self.run.is_finished() {
            let _ = self.finish(StepStatus::Cancelled, None, None);
        }
    }
}
