//! A database with runs that are queued for workers, and what is asked of them afterwards.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flow_engine::prelude::*;
use flow_engine::{EngineBuilder, ExecutionMode, FlowRun, RunFilter, RunStatus, StepStatus};
use tokio::time::sleep;
use uuid::Uuid;

use crate::PATIENCE;
use crate::flows::{STEPS, model, report, reports};
use crate::kinds::{Database, Kind};

pub(crate) struct Lab {
    pub(crate) engine: Engine,
    pub(crate) database: String,
    _keep: Option<Database>,
}

impl Lab {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::built(kind, |builder| builder).await
    }

    pub(crate) async fn built(
        kind: Kind,
        with: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let database = Database::new(kind);
        Self::on(database.url.clone(), Some(database), with).await
    }

    /// `keep` is dropped with it.
    pub(crate) async fn on(
        database: String,
        keep: Option<Database>,
        with: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let builder = Engine::builder().database_url(&database).backend(model());
        Self {
            engine: with(builder).build().await.unwrap(),
            database,
            _keep: keep,
        }
    }

    pub(crate) async fn queue(&self, runs: u32) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for number in 0..runs {
            ids.push(self.engine.run(reports(number)).enqueue().await.unwrap());
        }
        ids
    }

    pub(crate) async fn count(&self, status: RunStatus) -> usize {
        let filter = RunFilter {
            status: Some(status),
            limit: u32::MAX,
            ..RunFilter::default()
        };
        self.engine.runs(filter).await.unwrap().len()
    }

    /// The rows of the runs that have not completed.
    pub(crate) async fn unfinished(&self) -> Vec<FlowRun> {
        let filter = RunFilter {
            limit: u32::MAX,
            ..RunFilter::default()
        };
        let mut runs = self.engine.runs(filter).await.unwrap();
        runs.retain(|run| run.status != RunStatus::Completed);
        runs
    }

    /// Waits until so many runs are completed.
    pub(crate) async fn completed(&self, runs: usize) {
        let begin = Instant::now();
        while self.count(RunStatus::Completed).await < runs {
            assert!(begin.elapsed() < PATIENCE, "it takes too long");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Each run gave what it should, and no step of it is recorded twice. How often runs were taken, all together.
    pub(crate) async fn assert_each_completed_once(&self, ids: &[Uuid]) -> i64 {
        let mut taken = 0;
        for (number, id) in (0..).zip(ids) {
            let run = self.engine.find_run(*id).await.unwrap().unwrap();
            assert_eq!(run.status, RunStatus::Completed);
            assert_eq!(run.execution_mode, ExecutionMode::Background);
            assert_eq!(run.outputs, Some(report(number).into()));
            assert!(run.started_at.is_some() && run.lease_owner.is_none());
            taken += run.lease_epoch;
            let mut recorded = BTreeMap::<String, usize>::new();
            for step in self.engine.steps_of(*id).await.unwrap() {
                match step.status {
                    StepStatus::Completed => {
                        *recorded.entry(step.inputs.to_string()).or_default() += 1;
                    }
                    status => assert_eq!(status, StepStatus::Cancelled),
                }
            }
            assert_eq!(recorded.len(), STEPS, "{recorded:?}");
            assert!(recorded.values().all(|count| *count == 1), "{recorded:?}");
        }
        taken
    }
}
