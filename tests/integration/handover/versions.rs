//! Runs that another version of the program has queued.

use flow_engine::{ErrorKind, FlowRun, RunStatus};
use uuid::Uuid;

use super::{Lab, quadruple};

/// A run that was queued with these inputs.
async fn queued(lab: &Lab, inputs: &str) -> Uuid {
    let id = lab.engine.run(quadruple(1_u32)).enqueue().await.unwrap();
    let change = format!(
        "UPDATE flow_runs SET inputs = '{inputs}' WHERE id = x'{}'",
        id.simple()
    );
    lab.change(1, &change);
    id
}

/// As a worker leaves it that cannot execute it.
async fn assert_is_left(lab: &Lab, id: Uuid) {
    let is_left = |run: &FlowRun| {
        let is_free = run
            .lease_until
            .is_some_and(|until| until <= chrono::Utc::now());
        run.lease_epoch == 1 && is_free
    };
    let behind = async {
        lab.until(id, is_left).await;
        for _ in 0..3 {
            let next = lab.engine.run(quadruple(1_u32)).enqueue().await.unwrap();
            lab.until_status(next, RunStatus::Completed).await;
        }
    };
    lab.at_work(behind).await;
    let row = lab.row(id).await;
    assert_eq!((row.status, row.error_message), (RunStatus::Pending, None));
    assert_eq!(row.lease_epoch, 1, "it is not taken again");
}

#[tokio::test]
async fn a_queued_run_whose_inputs_do_not_fit_is_left_to_another_program() {
    let lab = Lab::new().await;
    let id = queued(&lab, r#"{"number":"many"}"#).await;
    assert_is_left(&lab, id).await;
    // Whoever asks for it by hand is told.
    let error = lab.engine.resume(id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let done = lab.engine.resume_with(id, quadruple(2_u32)).await.unwrap();
    assert_eq!(done.output_content, 8);
}

#[tokio::test]
async fn a_queued_run_with_an_input_that_is_not_known_is_left_to_another_program() {
    let lab = Lab::new().await;
    let id = queued(&lab, r#"{"number":2,"colour":"red"}"#).await;
    assert_is_left(&lab, id).await;
    // Another worker of this program asks once more, and one that has the input executes it.
    let done = lab.engine.resume(id).await.unwrap();
    assert_eq!(done.output_content, 8, "by hand, it is left out");
}

/// It was begun with what is known of it.
#[tokio::test]
async fn an_input_that_is_not_known_does_not_stop_a_run_that_has_begun() {
    let lab = Lab::new().await;
    let id = queued(&lab, r#"{"number":2,"colour":"red"}"#).await;
    lab.change(
        1,
        "UPDATE flow_runs SET status = 'running', lease_owner = 'dead', lease_until = 0",
    );
    let row = lab
        .at_work(lab.until_status(id, RunStatus::Completed))
        .await;
    assert_eq!(row.outputs, Some(8.into()));
}
