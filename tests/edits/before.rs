//! The program of the edit tests before the edits.
//!
//! `edited-before DATABASE FLOW END` executes a flow up to its last step, ends as it is told, and prints the run's id.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[path = "before/calls.rs"]
mod calls;
#[path = "before/failures.rs"]
mod failures;
#[path = "before/flow_inputs.rs"]
mod flow_inputs;
#[path = "before/inputs.rs"]
mod inputs;
mod model;
#[path = "before/names.rs"]
mod names;
#[path = "before/outputs.rs"]
mod outputs;
#[path = "before/prompts.rs"]
mod prompts;
mod steps;
#[path = "before/task_outputs.rs"]
mod task_outputs;
#[path = "before/tasks.rs"]
mod tasks;

use std::time::Duration;

use flow_engine::prelude::*;
use flow_engine::{BoxFuture, RunFilter, StepStatus, Uuid};
use futures::FutureExt;

use steps::Fate;

/// Finds a flow by its name, and its inputs.
struct Start {
    wanted: String,
    engine: Engine,
    found: Option<(Uuid, BoxFuture<'static, bool>)>,
}

impl Start {
    fn add<C: Call>(&mut self, call: C) {
        if C::definition().name() == self.wanted {
            let request = self.engine.run(call);
            let id = request.id();
            let execution = request.execute().map(|done| done.is_ok()).boxed();
            self.found = Some((id, execution));
        }
    }
}

#[tokio::main]
async fn main() {
    let [database, flow, end] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let fate = Fate::of_a_run_that_is(&end);
    let builder = Engine::builder()
        // It may be killed.
        .lease(std::time::Duration::from_millis(200))
        .policy(flow_engine::Policy::once())
        .backend(model::model(outputs::ANSWERS))
        .model("test-model")
        .state(fate);
    let database = format!("sqlite://{database}");
    let engine = builder.database_url(database).build().await.unwrap();
    let mut start = Start {
        wanted: flow,
        engine: engine.clone(),
        found: None,
    };
    for add in [
        calls::add,
        names::add,
        prompts::add,
        inputs::add,
        flow_inputs::add,
        outputs::add,
        task_outputs::add,
        failures::add,
        tasks::add,
    ] {
        add(&mut start);
    }
    let (run, execution) = start.found.expect("there is such a flow");
    println!("{run}");
    tokio::select! {
        works = execution => assert!(!works && fate == Fate::Fails, "the last step ends the run"),
        () = last_step_runs(&engine), if fate == Fate::NeverEnds => if end == "killed" {
            std::process::abort();
        }
    }
    engine.close().await;
}

/// Waits for the last step, which may be in a sub-flow.
async fn last_step_runs(engine: &Engine) {
    loop {
        for run in engine.runs(RunFilter::default()).await.unwrap() {
            let steps = engine.steps_of(run.id).await.unwrap();
            let last = steps.iter().find(|step| step.step_name == "finish");
            if last.is_some_and(|step| step.status == StepStatus::Running) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
