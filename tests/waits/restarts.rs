//! Waits survive the program that waits.

use std::time::Duration;

use flow_engine::{ErrorKind, RunStatus};

use crate::flows::{approval, holding, in_time, noted, reminded, sleeper, strict};
use crate::{Lab, eventually, name, on_both, output, parked, until};

on_both!(
    a_waiting_run_waits_on_without_its_program,
    a_run_that_was_interrupted_while_it_waits_goes_on_waiting,
    a_sleep_is_not_begun_anew,
    what_was_told_in_time_counts_although_nobody_was_there,
    what_was_told_too_late_does_not_count,
    the_plan_of_a_waiting_run_ends,
    each_of_equal_timeouts_has_its_own_time,
    a_timeout_of_a_failed_run_has_all_its_time_again,
    a_wait_that_is_not_polled_holds_nothing_up,
);

async fn a_waiting_run_waits_on_without_its_program(lab: &Lab) {
    let name = name("restarted");
    let first = lab.program().await;
    let run = first
        .engine
        .run(approval(name.clone()))
        .enqueue()
        .await
        .unwrap();
    parked(&first.engine, run).await;
    first.engine.close().await;
    drop(first);

    let second = lab.program().await;
    let engine = &second.engine;
    // It takes something else meanwhile, and leaves this one alone.
    let other = engine
        .run(sleeper("meanwhile".to_owned(), 1))
        .enqueue()
        .await
        .unwrap();
    output(engine, other).await;
    assert_eq!(parked(engine, run).await.lease_epoch, 1);
    let verdict = serde_json::json!({ "approved": true, "comment": "late" });
    engine.signal(run, "approval", verdict).await.unwrap();
    assert_eq!(output(engine, run).await, "true: late");
    assert_eq!(noted(&format!("{name}: before")), 1);
}

async fn a_run_that_was_interrupted_while_it_waits_goes_on_waiting(lab: &Lab) {
    let engine = lab.engine().await;
    let request = engine.run(approval(name("interrupted")));
    let run = request.id();
    let waiting = tokio::spawn(request.execute());
    eventually(|| async { !engine.waits_of(run).await.unwrap().is_empty() }).await;
    waiting.abort();
    until(&engine, run, |row| row.status == RunStatus::Interrupted).await;
    let verdict = serde_json::json!({ "approved": true, "comment": "meanwhile" });
    engine.signal(run, "approval", verdict).await.unwrap();
    let done = engine.resume(run).await.unwrap();
    assert_eq!(done.output_content, "true: meanwhile");
}

/// A sleep that is cut off goes on until the time at which it would have been over.
async fn a_sleep_is_not_begun_anew(lab: &Lab) {
    let engine = lab.engine().await;
    let request = engine.run(sleeper(name("cut off"), 1_500));
    let run = request.id();
    let sleeping = tokio::spawn(request.execute());
    eventually(|| async { !engine.waits_of(run).await.unwrap().is_empty() }).await;
    let until_before = engine.waits_of(run).await.unwrap()[0].until;
    sleeping.abort();
    until(&engine, run, |row| row.status == RunStatus::Interrupted).await;
    let resumed = tokio::spawn(engine.resume(run));
    while engine.waits_of(run).await.unwrap().is_empty() && !resumed.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let waits = engine.waits_of(run).await.unwrap();
    assert!(
        waits.iter().all(|wait| wait.until == until_before),
        "{waits:?}"
    );
    resumed.await.unwrap().unwrap();
}

async fn what_was_told_in_time_counts_although_nobody_was_there(lab: &Lab) {
    let first = lab.program().await;
    let run = first.engine.run(in_time(5_000)).enqueue().await.unwrap();
    let deadline = parked(&first.engine, run).await.wake_at.unwrap();
    drop(first);
    let outside = lab.engine().await;
    outside.signal(run, "answer", "in time").await.unwrap();
    while chrono::Utc::now() <= deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let second = lab.program().await;
    assert_eq!(output(&second.engine, run).await, "in time");
}

async fn what_was_told_too_late_does_not_count(lab: &Lab) {
    let first = lab.program().await;
    let run = first.engine.run(in_time(5_000)).enqueue().await.unwrap();
    let deadline = parked(&first.engine, run).await.wake_at.unwrap();
    drop(first);
    while chrono::Utc::now() <= deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let outside = lab.engine().await;
    outside.signal(run, "answer", "too late").await.unwrap();
    let second = lab.program().await;
    assert_eq!(output(&second.engine, run).await, "nobody answered");
}

async fn the_plan_of_a_waiting_run_ends(lab: &Lab) {
    let first = lab.program().await;
    let run = first
        .engine
        .run(approval(name("planned")))
        .enqueue()
        .await
        .unwrap();
    parked(&first.engine, run).await;
    let plan = first.engine.resume_plan(run).await.unwrap();
    assert_eq!((plan.hits.len(), plan.misses.len()), (1, 0));
    assert_eq!(plan.waits, ["approval"]);
    let row = first.engine.find_run(run).await.unwrap().unwrap();
    assert_eq!(row.status, RunStatus::Waiting);
    let error = first.engine.signal(run, "\0", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

async fn each_of_equal_timeouts_has_its_own_time(lab: &Lab) {
    let program = lab.program().await;
    let engine = &program.engine;
    let name = name("reminded");
    let run = engine
        .run(reminded(name.clone(), 4_000))
        .enqueue()
        .await
        .unwrap();
    while noted(&format!("{name}: reminder 1")) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    parked(engine, run).await;
    engine.signal(run, "answer", "yes").await.unwrap();
    assert_eq!(output(engine, run).await, "yes after 2 days");
    assert_eq!(noted(&format!("{name}: reminder 2")), 0);
}

async fn a_timeout_of_a_failed_run_has_all_its_time_again(lab: &Lab) {
    let program = lab.program().await;
    let engine = &program.engine;
    let run = engine.run(strict(1_500)).enqueue().await.unwrap();
    until(engine, run, |row| row.status == RunStatus::Failed).await;
    engine.signal(run, "answer", "at last").await.unwrap();
    let done = engine.resume(run).await.unwrap();
    assert_eq!(done.output_content, "at last");
}

async fn a_wait_that_is_not_polled_holds_nothing_up(lab: &Lab) {
    let first = lab.program().await;
    let run = first.engine.run(holding()).enqueue().await.unwrap();
    assert_eq!(output(&first.engine, run).await, "slept");
    let row = first.engine.find_run(run).await.unwrap().unwrap();
    assert!(row.lease_epoch > 1, "it has left memory in between");
}
