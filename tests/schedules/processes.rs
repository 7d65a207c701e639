//! Two processes, one of which is stopped and continued.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use crate::process::Process;
use crate::{Kind, Lab, assert_one_run_for_each_second, ticks};

/// How many seconds it takes, if the environment does not say so.
const SECONDS: u64 = 8;
const VARIABLE: &str = "FLOW_ENGINE_TEST_TICKS";

fn start_worker(database: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticking"));
    Process::start(command.arg(database))
}

pub(crate) async fn each_tick_has_one_run_though_a_worker_is_stopped(kind: Kind) {
    let seconds = std::env::var(VARIABLE).map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let lab = Lab::new(kind).await;
    let url = &lab.database.url;
    let mut workers = [start_worker(url), start_worker(url)];
    lab.completed("each_second", 1).await;
    let third = Duration::from_millis(1000 * seconds / 3);
    let begin = Instant::now();

    sleep(third).await;
    workers[0].signal(Signal::STOP);
    let before = lab.runs_of("each_second").await.len();
    sleep(third).await;
    let meanwhile = lab.runs_of("each_second").await.len() - before;
    workers[0].signal(Signal::CONT);
    let wanted = usize::try_from(seconds).unwrap();
    lab.completed("each_second", wanted).await;
    // What the other one had taken when it was stopped is done, too.
    let all = lab.runs_of("each_second").await;
    let runs = lab.completed("each_second", all.len()).await;

    for worker in &mut workers {
        assert!(!worker.has_ended(), "a worker has ended");
    }
    drop(workers);
    let took = begin.elapsed();
    assert_one_run_for_each_second(&lab.runs_of("each_second").await);
    let taken: i64 = runs.iter().map(|run| run.lease_epoch).sum();
    let (first, last) = (ticks(&runs)[0], *ticks(&runs).last().unwrap());
    println!(
        "{kind:?}: {} runs completed for the ticks from {} to {} in {took:.1?}, {meanwhile} of them were queued in the {third:?} \
         for which a worker was stopped; runs taken {taken} times",
        runs.len(),
        first.time(),
        last.time(),
    );
}
