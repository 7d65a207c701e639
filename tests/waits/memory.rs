//! A background run that only waits leaves memory, and one that works does not.

use std::time::Duration;

use flow_engine::{RunStatus, StepStatus};

use crate::flows::{approval, busy, first_of, in_time, noted, rounds, sleeper, spawning};
use crate::{Lab, Program, name, on_both, output, parked, until};

on_both!(
    what_was_recorded_before_a_wait_is_not_executed_again,
    a_run_sleeps_out_of_memory_and_goes_on_by_itself,
    a_short_sleep_stays_in_memory,
    a_timeout_wakes_a_run_that_waits,
    what_comes_first_wins,
    a_run_that_works_stays_in_memory,
    a_run_that_is_told_something_as_it_leaves_memory_is_not_forgotten,
);

async fn what_was_recorded_before_a_wait_is_not_executed_again(lab: &Lab) {
    let Program { engine, .. } = &lab.program().await;
    let name = name("once");
    let run = engine.run(approval(name.clone())).enqueue().await.unwrap();
    let row = parked(engine, run).await;
    assert_eq!(row.current_step.as_deref(), Some("flow_engine::wait_for"));
    assert_eq!(
        (row.step_progress, row.wake_at, row.error_message),
        (1, None, None)
    );

    let verdict = serde_json::json!({ "approved": false, "comment": "no" });
    engine.signal(run, "approval", verdict).await.unwrap();
    assert_eq!(output(engine, run).await, "false: no");
    let counts = ["before", "after"].map(|what| noted(&format!("{name}: {what}")));
    assert_eq!(counts, [1, 1]);
    let steps = engine.steps_of(run).await.unwrap();
    assert!(steps.iter().all(|step| !step.status.is_open()), "{steps:?}");
    let taken = steps
        .iter()
        .filter(|step| step.status == StepStatus::Completed);
    assert_eq!(taken.count(), 3);
}

async fn a_run_sleeps_out_of_memory_and_goes_on_by_itself(lab: &Lab) {
    let Program { engine, .. } = &lab.program().await;
    let name = name("asleep");
    let run = engine
        .run(sleeper(name.clone(), 4_000))
        .enqueue()
        .await
        .unwrap();
    let row = parked(engine, run).await;
    let slept = row.wake_at.unwrap() - row.started_at.unwrap();
    assert!(slept.num_milliseconds() >= 4_000, "{slept}");
    assert_eq!(output(engine, run).await, format!("{name}: after"));
    assert_eq!(noted(&format!("{name}: before")), 1);
    let row = engine.find_run(run).await.unwrap().unwrap();
    let took = row.completed_at.unwrap() - row.started_at.unwrap();
    assert!(took.num_milliseconds() >= 4_000, "{took}");
    assert_eq!(row.wake_at, None);
}

async fn a_short_sleep_stays_in_memory(lab: &Lab) {
    let Program { engine, .. } = &lab.program().await;
    let run = engine
        .run(sleeper(name("short"), 700))
        .enqueue()
        .await
        .unwrap();
    output(engine, run).await;
    let row = engine.find_run(run).await.unwrap().unwrap();
    // Taken once.
    assert_eq!(row.lease_epoch, 1);
}

async fn a_timeout_wakes_a_run_that_waits(lab: &Lab) {
    let Program { engine, .. } = &lab.program().await;
    let run = engine.run(in_time(4_000)).enqueue().await.unwrap();
    let row = parked(engine, run).await;
    assert!(row.wake_at.is_some());
    assert_eq!(output(engine, run).await, "nobody answered");

    let run = engine.run(in_time(60_000)).enqueue().await.unwrap();
    parked(engine, run).await;
    engine.signal(run, "answer", "somebody did").await.unwrap();
    assert_eq!(output(engine, run).await, "somebody did");
}

async fn what_comes_first_wins(lab: &Lab) {
    let Program { engine, .. } = &lab.program().await;
    let run = engine.run(first_of(4_000)).enqueue().await.unwrap();
    parked(engine, run).await;
    assert_eq!(output(engine, run).await, "time");
    let run = engine.run(first_of(60_000)).enqueue().await.unwrap();
    parked(engine, run).await;
    engine.signal(run, "answer", "answer").await.unwrap();
    assert_eq!(output(engine, run).await, "answer");
}

/// A step takes longer than a run has to be quiet for until it leaves memory.
async fn a_run_that_works_stays_in_memory(lab: &Lab) {
    let Program { engine, .. } = &lab.program().await;
    let (joined, spawned) = (name("joined"), name("spawned"));
    let runs = [
        engine
            .run(busy(joined.clone(), 1_200))
            .enqueue()
            .await
            .unwrap(),
        engine
            .run(spawning(spawned.clone(), 1_200))
            .enqueue()
            .await
            .unwrap(),
    ];
    for run in runs {
        let row = parked(engine, run).await;
        // Only once the step had ended.
        assert_eq!((row.step_progress, row.lease_epoch), (1, 1));
        engine.signal(run, "answer", "done").await.unwrap();
        assert_eq!(output(engine, run).await, "done");
    }
    assert_eq!((noted(&joined), noted(&spawned)), (1, 1));
}

/// Signals come at all times around that at which the runs leave memory.
async fn a_run_that_is_told_something_as_it_leaves_memory_is_not_forgotten(lab: &Lab) {
    let Program { engine, .. } = &lab.program().await;
    let mut tellers = Vec::new();
    for number in 0..40_u64 {
        let run = engine.run(rounds(3)).enqueue().await.unwrap();
        let engine = engine.clone();
        tellers.push(tokio::spawn(async move {
            until(&engine, run, |row| row.status != RunStatus::Pending).await;
            for round in 0..3_u64 {
                let pause = 60 + (number * 37 + round * 101) % 100;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let name = format!("round-{round}");
                engine.signal(run, name, round).await.unwrap();
            }
            assert_eq!(output(&engine, run).await, 3);
        }));
    }
    for teller in tellers {
        teller.await.unwrap();
    }
}
