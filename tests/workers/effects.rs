//! An effect whose process is killed after it has begun: nobody has it again before a person says so.

use std::path::Path;
use std::time::Duration;

use flow_engine::{ErrorKind, Resolution, RunStatus, StepStatus};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;
use uuid::Uuid;

use crate::flows::{requests, sells};
use crate::runs::{eventually, until};
use crate::{Kind, Lab, start_worker};

impl Lab {
    async fn stands(&self, run: Uuid, status: RunStatus) {
        until(&self.engine, run, |row| row.status == status).await;
    }
}

/// A worker is killed while it has the effect of a run, and another one finds that. With what it finds: the run.
async fn killed_in_between(lab: &Lab, folder: &Path) -> Uuid {
    let call = sells(folder.to_owned(), 7_u32);
    let run = lab.engine.run(call).enqueue().await.unwrap();
    let first = start_worker(&lab.database);
    eventually(|| async { requests(folder).len() == 1 }).await;
    // SIGKILL
    drop(first);
    let intent = lab.effect(run).await;
    assert_eq!(
        intent,
        [StepStatus::Running],
        "it was on disk before it began"
    );
    run
}

impl Lab {
    /// Where the rows of the run's effect stand.
    async fn effect(&self, run: Uuid) -> Vec<StepStatus> {
        let mut found = Vec::new();
        for row in self
            .engine
            .runs(flow_engine::RunFilter::default())
            .await
            .unwrap()
        {
            if row.root_run_id == run {
                let steps = self.engine.steps_of(row.id).await.unwrap();
                let effects = steps.iter().filter(|step| step.once_key.is_some());
                found.extend(effects.map(|step| step.status));
            }
        }
        found
    }
}

pub(crate) async fn a_worker_leaves_an_effect_alone_whose_process_was_killed(kind: Kind) {
    let folder = TempDir::new().unwrap();
    let lab = Lab::new(kind).await;
    let run = killed_in_between(&lab, folder.path()).await;
    // Whoever had it again would find it paid.
    std::fs::write(folder.path().join("paid"), "").unwrap();
    let _second = start_worker(&lab.database);
    lab.stands(run, RunStatus::InDoubt).await;
    // The next run is executed, so the worker has looked for more since then.
    let other = TempDir::new().unwrap();
    std::fs::write(other.path().join("paid"), "").unwrap();
    let call = sells(other.path().to_owned(), 8_u32);
    let later = lab.engine.run(call).enqueue().await.unwrap();
    lab.stands(later, RunStatus::Completed).await;
    assert_eq!(lab.effect(run).await, [StepStatus::InDoubt]);
    assert_eq!(requests(folder.path()).len(), 1);

    let doubts = lab.engine.in_doubt(run).await.unwrap();
    assert_eq!(doubts.len(), 1);
    assert_eq!((&*doubts[0].key, &doubts[0].error), ("charge-7", &None));
    lab.engine
        .resolve(run, "charge-7", Resolution::Retry)
        .await
        .unwrap();
    lab.stands(run, RunStatus::Completed).await;
    let asked = requests(folder.path());
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1], "another process has the same token");
    let row = lab.engine.find_run(run).await.unwrap().unwrap();
    assert_eq!(row.outputs, Some(json!("sold by request 2")));
}

pub(crate) async fn an_effect_is_decided_of_a_process_that_was_killed(kind: Kind) {
    let folder = TempDir::new().unwrap();
    let lab = Lab::new(kind).await;
    let run = killed_in_between(&lab, folder.path()).await;
    // As long as its lease lasts, it may be alive.
    eventually(|| async { !lab.engine.in_doubt(run).await.unwrap().is_empty() }).await;
    let done = Resolution::Done(json!(1));
    lab.engine.resolve(run, "charge-7", done).await.unwrap();
    let _second = start_worker(&lab.database);
    lab.stands(run, RunStatus::Completed).await;
    let row = lab.engine.find_run(run).await.unwrap().unwrap();
    assert_eq!(row.outputs, Some(json!("sold by request 1")));
    assert_eq!(requests(folder.path()).len(), 1);
}

pub(crate) async fn who_resumes_a_run_hears_of_an_effect_whose_process_was_killed(kind: Kind) {
    let folder = TempDir::new().unwrap();
    let lab = Lab::new(kind).await;
    let run = killed_in_between(&lab, folder.path()).await;
    let error = loop {
        match lab.engine.resume(run).await.unwrap_err() {
            // Its lease lasts.
            error if error.kind() == ErrorKind::NotResumable => {
                sleep(Duration::from_millis(50)).await;
            }
            error => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::InDoubt);
    let said = format!("{error:#}");
    assert!(
        said.contains("`charge-7`") && said.contains("engine.resolve("),
        "{said}"
    );
    lab.stands(run, RunStatus::InDoubt).await;
    assert_eq!(lab.effect(run).await, [StepStatus::InDoubt]);
    assert_eq!(requests(folder.path()).len(), 1);
    lab.engine
        .resolve(run, "charge-7", Resolution::Fail)
        .await
        .unwrap();
    let failed = lab.engine.resume(run).await.unwrap_err();
    assert!(
        format!("{failed:#}").contains("counts as failed"),
        "{failed:#}"
    );
    lab.stands(run, RunStatus::Failed).await;
    assert_eq!(requests(folder.path()).len(), 1);
}
