//! Many runs that wait: what they take, and how soon they go on.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use flow_engine::{Engine, RunFilter, RunStatus, Uuid};

use crate::flows::{noted, one_of_many};
use crate::{Kind, Lab, Program};

/// The resident set of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    resident * 4096
}

async fn count(engine: &Engine, status: RunStatus) -> usize {
    let filter = RunFilter {
        status: Some(status),
        limit: u32::MAX,
        ..RunFilter::default()
    };
    engine.runs(filter).await.unwrap().len()
}

async fn until_all(engine: &Engine, status: RunStatus, runs: usize) {
    let begin = Instant::now();
    while count(engine, status).await < runs {
        assert!(
            begin.elapsed() < Duration::from_mins(8),
            "it takes too long"
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn program(lab: &Lab) -> Program {
    let engine = lab.engine().await;
    let worker = engine.worker().concurrency(256);
    Program::start(engine, worker)
}

/// Half of them wait for a signal, half for a time that lies so far ahead.
async fn many_wait(lab: &Lab, of: u32, runs: u32, sleep: TimeDelta) {
    let first = program(lab).await;
    let (before, begin) = (resident(), Instant::now());
    let wake_at = Utc::now() + sleep;
    let until = |number: u32| (number % 2 == 1).then_some(wake_at);
    let mut ids: Vec<(Uuid, Option<DateTime<Utc>>)> = Vec::new();
    for number in of..of + runs {
        let mut call = one_of_many(number);
        call = call.maybe_until(until(number));
        ids.push((
            first.engine.run(call).enqueue().await.unwrap(),
            until(number),
        ));
    }
    let all = usize::try_from(runs).unwrap();
    until_all(&first.engine, RunStatus::Waiting, all).await;
    println!(
        "{runs} runs wait after {:?}; the process has grown by {} bytes a run",
        begin.elapsed(),
        resident().saturating_sub(before) / u64::from(runs),
    );
    assert!(Utc::now() < wake_at, "the sleepers must not wake before");
    first.engine.close().await;
    drop(first);

    // Nobody is there for a while.
    let second = program(lab).await;
    let engine = &second.engine;
    assert_eq!(count(engine, RunStatus::Waiting).await, all);

    let begin = Instant::now();
    let mut latencies = Vec::new();
    for (place, (run, _)) in ids.iter().filter(|(_, until)| until.is_none()).enumerate() {
        let told = Instant::now();
        engine.signal(*run, "answer", ()).await.unwrap();
        // Of some it is looked at closely; the others are told as fast as it goes.
        if place % 100 == 0 {
            while engine.find_run(*run).await.unwrap().unwrap().status != RunStatus::Completed {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            latencies.push(told.elapsed());
        }
    }
    until_all(engine, RunStatus::Completed, all / 2).await;
    latencies.sort();
    println!(
        "half of them told and done in {:?}; from a signal to the end of its run {:?} (median), {:?} (longest)",
        begin.elapsed(),
        latencies[latencies.len() / 2],
        latencies.last().unwrap(),
    );

    until_all(engine, RunStatus::Completed, all).await;
    let mut late = Vec::new();
    for (run, until) in &ids {
        if let Some(until) = until {
            let row = engine.find_run(*run).await.unwrap().unwrap();
            let late_by = row.completed_at.unwrap() - *until;
            assert!(late_by >= TimeDelta::zero(), "{late_by}");
            late.push(late_by);
        }
    }
    late.sort();
    println!(
        "{} wake at the same time: done {} later (median), {} (the last)",
        late.len(),
        late[late.len() / 2],
        late.last().unwrap(),
    );
    for number in of..of + runs {
        assert_eq!(noted(&format!("draw {number}")), 1);
    }
}

macro_rules! many {
    ($($name:ident: $kind:ident, $of:literal, $runs:literal, $sleep:expr;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                many_wait(&Lab::new(Kind::$kind), $of, $runs, $sleep).await;
            }
        )+
    };
}

many! {
    two_hundred_runs_wait_and_wake_after_a_restart_sqlite: Sqlite, 0, 200, TimeDelta::seconds(25);
    two_hundred_runs_wait_and_wake_after_a_restart_postgres: Postgres, 1_000, 200, TimeDelta::seconds(25);
}

mod ten_thousand {
    use chrono::TimeDelta;

    use super::many_wait;
    use crate::{Kind, Lab};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "takes minutes; prints what it takes"]
    async fn sqlite() {
        many_wait(
            &Lab::new(Kind::Sqlite),
            100_000,
            10_000,
            TimeDelta::minutes(4),
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "takes minutes; prints what it takes"]
    async fn postgres() {
        many_wait(
            &Lab::new(Kind::Postgres),
            200_000,
            10_000,
            TimeDelta::minutes(4),
        )
        .await;
    }
}
