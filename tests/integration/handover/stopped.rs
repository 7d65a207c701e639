//! A worker that is dropped, and an engine that is closed right behind it.

use flow_engine::RunStatus;

use super::{Lab, builder, doubles_and_stands_still, quadruple};

async fn a_closed_engine_has_handed_over_the_runs_of_its_worker() {
    let lab = Lab::new().await;
    let mut ids = Vec::new();
    for number in 0..8 {
        let call = doubles_and_stands_still(number);
        ids.push(lab.engine.run(call).enqueue().await.unwrap());
    }
    let all_run = async {
        for id in &ids {
            let runs =
                |run: &flow_engine::FlowRun| run.current_step.as_deref() == Some("stands_still");
            lab.until(*id, runs).await;
        }
    };
    lab.at_work(all_run).await;

    lab.engine.close().await;

    for id in ids {
        let row = lab.row(id).await;
        assert_eq!(row.status, RunStatus::Interrupted);
        assert_eq!((row.lease_owner, row.lease_until), (None, None));
    }
}

#[tokio::test]
async fn a_closed_engine_has_handed_over_the_runs_of_its_worker_on_one_thread() {
    a_closed_engine_has_handed_over_the_runs_of_its_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_engine_has_handed_over_the_runs_of_its_worker_on_two_threads() {
    a_closed_engine_has_handed_over_the_runs_of_its_worker().await;
}

/// Its runs fail, since nothing can be written any more.
#[tokio::test]
async fn an_engine_is_closed_although_a_worker_works() {
    let lab = Lab::new().await;
    let call = doubles_and_stands_still(1_u32);
    let id = lab.engine.run(call).enqueue().await.unwrap();
    let closed = async {
        lab.until_status(id, RunStatus::Running).await;
        tokio::time::timeout(super::STUCK, lab.engine.close())
            .await
            .unwrap();
    };
    lab.at_work(closed).await;
    let refused = lab.engine.run(quadruple(1_u32)).enqueue().await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_lease_of_no_time_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let built = builder()
        .database_url(url)
        .lease(std::time::Duration::ZERO)
        .build();
    let error = built.await.unwrap_err();
    assert_eq!(error.kind(), flow_engine::ErrorKind::Configuration);
    let told = error.to_string();
    assert!(told.contains("a lease of no time cannot be held"), "{told}");
}
