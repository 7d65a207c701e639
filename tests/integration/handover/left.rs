//! Runs that a dead process has left, once or again and again.

use std::time::Duration;

use flow_engine::RunStatus;
use uuid::Uuid;

use super::{Lab, doubles_and_stands_still, quadruple};

impl Lab {
    /// A run whose process was killed in its second step, as often as `takeovers` says, after `steps` steps.
    async fn killed(&self, takeovers: i32, steps: i32) -> Uuid {
        let call = doubles_and_stands_still(3_u32);
        let id = self.engine.run(call).enqueue().await.unwrap();
        let begun =
            |run: &flow_engine::FlowRun| run.current_step.as_deref() == Some("stands_still");
        self.at_work(self.until(id, begun)).await;
        self.until_status(id, RunStatus::Interrupted).await;
        self.change(
            1,
            &format!(
                "UPDATE flow_runs SET status = 'running', completed_at = NULL, error_message = NULL, lease_owner = 'dead',
                 lease_until = 0, flow_name = 'quadruple', takeovers = {takeovers}, takeover_steps = {steps}"
            ),
        );
        id
    }
}

#[tokio::test]
async fn a_run_that_was_taken_over_too_often_without_progress_fails_until_it_is_resumed() {
    let lab = Lab::new().await;
    let id = lab.killed(15, 1).await;

    let row = lab.at_work(lab.until_status(id, RunStatus::Failed)).await;

    let why = row.error_message.unwrap();
    assert!(why.contains("it was taken over 15 times in a row"), "{why}");
    assert!(
        why.contains("`engine.resume(run_id)` tries it again"),
        "{why}"
    );
    assert_eq!((row.lease_owner, row.lease_until), (None, None));

    let done = lab.engine.resume(id).await.unwrap();
    assert_eq!(done.output_content, 12);
    let row = lab.row(id).await;
    assert_eq!((row.status, row.takeovers), (RunStatus::Completed, 0));
}

/// The fifteenth time is not too often.
#[tokio::test]
async fn a_run_that_was_taken_over_often_is_tried_again() {
    let lab = Lab::new().await;
    let id = lab.killed(14, 1).await;
    let row = lab
        .at_work(lab.until_status(id, RunStatus::Completed))
        .await;
    assert_eq!((row.takeovers, row.takeover_steps), (15, 1));
}

#[tokio::test]
async fn a_step_that_has_ended_since_the_last_takeover_is_progress() {
    let lab = Lab::new().await;
    let id = lab.killed(15, 0).await;
    let row = lab
        .at_work(lab.until_status(id, RunStatus::Completed))
        .await;
    assert_eq!((row.takeovers, row.takeover_steps), (1, 1));
}

/// A worker that is stopped says so: that is no takeover.
#[tokio::test]
async fn a_run_that_was_interrupted_often_goes_on() {
    let lab = Lab::new().await;
    let call = doubles_and_stands_still(3_u32);
    let id = lab.engine.run(call).enqueue().await.unwrap();
    for epoch in 1..8 {
        let stands = |run: &flow_engine::FlowRun| {
            run.lease_epoch == epoch && run.current_step.as_deref() == Some("stands_still")
        };
        lab.at_work(lab.until(id, stands)).await;
        let row = lab.until_status(id, RunStatus::Interrupted).await;
        assert_eq!(row.takeovers, 0);
    }
}

#[tokio::test]
async fn runs_that_may_end_their_process_are_executed_one_after_the_other() {
    let lab = Lab::leasing(Duration::from_hours(1)).await;
    let first = lab.killed(3, 1).await;
    // It stands still again.
    lab.change(
        1,
        "UPDATE flow_runs SET flow_name = 'doubles_and_stands_still'",
    );
    let mut others = Vec::new();
    for _ in 0..3 {
        let other = lab.engine.run(quadruple(1_u32)).enqueue().await.unwrap();
        others.push(other);
    }
    lab.change(
        3,
        "UPDATE flow_runs SET status = 'paused' WHERE status = 'pending'",
    );
    let alone = async {
        lab.until(first, |run| run.takeovers == 4).await;
        lab.change(
            3,
            "UPDATE flow_runs SET status = 'running', lease_owner = 'dead', lease_until = 0, takeovers = 3
             WHERE status = 'paused'",
        );
        for other in &others {
            lab.until(*other, |run| run.lease_epoch > 0).await;
        }
        // What is not suspicious is not held up.
        let fresh = lab.engine.run(quadruple(1_u32)).enqueue().await.unwrap();
        lab.until_status(fresh, RunStatus::Completed).await;
        for other in &others {
            assert_eq!(lab.row(*other).await.takeovers, 3, "it has begun");
        }
    };
    lab.at_work(alone).await;

    lab.until_status(first, RunStatus::Interrupted).await;
    for other in &others {
        // Long before the lease ends.
        let is_free = |run: &flow_engine::FlowRun| {
            run.lease_until
                .is_some_and(|until| until <= chrono::Utc::now())
        };
        lab.until(*other, is_free).await;
    }
    // Each goes on as soon as a step of the one before has come to its end.
    lab.change(
        4,
        "UPDATE flow_runs SET flow_name = 'doubles_and_stands_still' WHERE status IN ('running', 'interrupted')",
    );
    let all = async {
        for other in &others {
            let stands =
                |run: &flow_engine::FlowRun| run.current_step.as_deref() == Some("stands_still");
            let row = lab.until(*other, stands).await;
            assert_eq!(row.takeovers, 4);
        }
    };
    lab.change(1, "DELETE FROM flow_runs WHERE status = 'interrupted'");
    lab.at_work(all).await;
}
