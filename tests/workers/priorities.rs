//! Many runs of several priorities, and workers of which one after the other is killed: each run completes once, and what goes
//! before the others starts before them.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use flow_engine::{FlowRun, RunStatus};
use tokio::time::sleep;
use uuid::Uuid;

use crate::flows::{CONCURRENCY, reports};
use crate::process::Process;
use crate::{Kind, Lab, PATIENCE, start_worker};

const WORKERS: usize = 3;
/// How many priorities there are, evenly spread over the runs.
const PRIORITIES: u32 = 7;
/// How long until the next worker is killed.
const PERIOD: Duration = Duration::from_secs(5);
/// How many runs are queued if `FLOW_ENGINE_TEST_QUEUE_RUNS` does not say.
const RUNS: u32 = 200;

fn runs() -> u32 {
    match std::env::var("FLOW_ENGINE_TEST_QUEUE_RUNS") {
        Ok(runs) => runs
            .parse()
            .expect("FLOW_ENGINE_TEST_QUEUE_RUNS is a number of runs"),
        Err(_) => RUNS,
    }
}

/// Nobody tells when a run was taken, only when it started, and those that were taken at about the same time start in any order:
/// as many as all workers have room for. A run that was taken twice may have been so by a worker that was killed before it began.
fn assert_started_by_priority(runs: &[FlowRun]) -> usize {
    let rank = |run: &FlowRun| (Reverse(run.priority), run.id);
    let started = |run: &FlowRun| run.started_at.unwrap();
    let mut most = 0;
    for run in runs {
        let left = runs.iter().filter(|other| {
            other.lease_epoch == 1 && rank(other) < rank(run) && started(other) > started(run)
        });
        let left = left.count();
        assert!(
            left < WORKERS * CONCURRENCY,
            "{left} runs should have started before one of priority {}",
            run.priority
        );
        most = most.max(left);
    }
    most
}

pub(crate) async fn runs_start_by_priority_and_complete_once_though_workers_are_killed(kind: Kind) {
    let (lab, count) = (Lab::new(kind).await, runs());
    let mut ids: Vec<Uuid> = Vec::new();
    for number in 0..count {
        let priority = i32::try_from(number % PRIORITIES).unwrap() - 3;
        let run = lab.engine.run(reports(number)).priority(priority);
        ids.push(run.enqueue().await.unwrap());
    }
    let mut workers: Vec<Process> = Vec::new();
    for _ in 0..WORKERS {
        workers.push(start_worker(&lab.database));
    }
    let (begin, mut killed, mut kills) = (Instant::now(), Instant::now(), 0);
    while lab.count(RunStatus::Completed).await < ids.len() {
        assert!(begin.elapsed() < PATIENCE, "it takes too long");
        sleep(Duration::from_millis(200)).await;
        if killed.elapsed() >= PERIOD {
            killed = Instant::now();
            workers[kills % WORKERS] = start_worker(&lab.database);
            kills += 1;
        }
    }
    let took = begin.elapsed();
    drop(workers);

    let taken = lab.assert_each_completed_once(&ids).await;
    let mut rows = Vec::new();
    for id in &ids {
        rows.push(lab.engine.find_run(*id).await.unwrap().unwrap());
    }
    let most = assert_started_by_priority(&rows);
    println!(
        "{kind:?}: {count} runs of {PRIORITIES} priorities in {took:.1?}, {kills} workers killed, runs taken {taken} times, \
         {most} left behind at most when another started"
    );
    assert!(
        kills > 0 && taken > i64::from(count),
        "no run was taken over"
    );
}
