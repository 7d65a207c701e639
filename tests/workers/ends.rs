//! Workers that are killed, stopped and dropped: what they had is taken over by others.

use std::time::{Duration, Instant};

use flow_engine::RunStatus;
use rustix::process::Signal;
use tokio::time::sleep;
use uuid::Uuid;

use crate::flows::falls;
use crate::{Kind, Lab, PATIENCE, start_worker};

/// How long a stopped process stays so: longer than its lease.
const STOPPED: Duration = Duration::from_secs(5);

/// Two workers, one of which is killed or stopped each second until all runs are done.
async fn disturbed(kind: Kind, runs: u32, at_least: Duration) {
    let lab = Lab::new(kind).await;
    let ids = lab.queue(runs).await;
    let mut workers = [start_worker(&lab.database), start_worker(&lab.database)];
    let begin = Instant::now();
    let mut stopped: Vec<(Instant, usize)> = Vec::new();
    let (mut kills, mut stops) = (0, 0);
    while lab.count(RunStatus::Completed).await < ids.len() || begin.elapsed() < at_least {
        let is_late = begin.elapsed() > PATIENCE;
        assert!(!is_late, "it takes too long: {:?}", lab.unfinished().await);
        sleep(Duration::from_secs(1)).await;
        let over = |(since, _): &(Instant, usize)| since.elapsed() >= STOPPED;
        for (_, place) in stopped.extract_if(.., |stopped| over(stopped)) {
            workers[place].signal(Signal::CONT);
        }
        // Its last bits are random.
        let chance = Uuid::now_v7().as_u128();
        let (place, stops_it) = (usize::from(chance & 1 == 1), chance & 2 == 2);
        let is_stopped = stopped.iter().any(|(_, other)| *other == place);
        if stops_it && !is_stopped {
            workers[place].signal(Signal::STOP);
            stopped.push((Instant::now(), place));
            stops += 1;
        } else {
            stopped.retain(|(_, other)| *other != place);
            workers[place] = start_worker(&lab.database);
            kills += 1;
        }
    }
    for (_, place) in stopped {
        workers[place].signal(Signal::CONT);
    }
    // Those that wake have time to do what they must not.
    sleep(Duration::from_secs(2)).await;
    drop(workers);
    let taken = lab.assert_each_completed_once(&ids).await;
    println!(
        "{kind:?}: {runs} runs in {:.1?}, {kills} workers killed and {stops} stopped, runs taken {taken} times",
        begin.elapsed()
    );
    assert!(taken > i64::from(runs), "no run was taken over");
}

pub(crate) async fn each_run_completes_once_though_workers_are_killed_and_stopped(kind: Kind) {
    disturbed(kind, 40, Duration::ZERO).await;
}

pub(crate) async fn each_of_200_runs_completes_once_though_workers_are_killed_and_stopped_for_a_minute(
    kind: Kind,
) {
    disturbed(kind, 200, Duration::from_mins(1)).await;
}

pub(crate) async fn a_worker_that_is_dropped_leaves_its_runs_to_the_next(kind: Kind) {
    let lab = Lab::new(kind).await;
    let ids = lab.queue(3).await;
    let work = || lab.engine.worker().concurrency(2).run();
    let _ = tokio::time::timeout(Duration::from_millis(1200), work()).await;
    assert_eq!(lab.count(RunStatus::Completed).await, 0);
    assert_eq!(lab.count(RunStatus::Pending).await, 1);
    let all = lab.completed(ids.len());
    tokio::select! {
        () = work() => {}
        () = all => {}
    }
    let taken = lab.assert_each_completed_once(&ids).await;
    assert_eq!(taken, 5);
}

/// A supervisor starts the process again whenever it has ended.
pub(crate) async fn a_run_that_ends_its_process_is_given_up_and_no_other_one(kind: Kind) {
    let lab = Lab::new(kind).await;
    let ids = lab.queue(3).await;
    let falls = lab.engine.run(falls(0_u32)).enqueue().await.unwrap();
    let mut worker = start_worker(&lab.database);
    let mut ends = 0;
    let begin = Instant::now();
    while lab.count(RunStatus::Completed).await < ids.len()
        || lab.count(RunStatus::Failed).await < 1
    {
        assert!(begin.elapsed() < PATIENCE, "it takes too long");
        if worker.has_ended() {
            ends += 1;
            worker = start_worker(&lab.database);
        }
        sleep(Duration::from_millis(100)).await;
    }
    drop(worker);
    lab.assert_each_completed_once(&ids).await;
    let run = lab.engine.find_run(falls).await.unwrap().unwrap();
    let why = run.error_message.unwrap();
    assert!(why.contains("it was taken over 15 times in a row"), "{why}");
    assert_eq!(ends, 16);
}
