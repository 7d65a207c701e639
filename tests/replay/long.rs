//! Long runs and many runs.
//!
//! `FLOW_ENGINE_LONG=10000 cargo test --release -p flow-engine-tests --test replay long -- --nocapture` says how long it takes.

use std::time::Instant;

use flow_engine::prelude::*;
use flow_engine::{BoxError, RunFilter, RunStatus, map, random};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream;
use uuid::Uuid;

use crate::held::{Held, Started};
use crate::ledger::Ledger;
use crate::program::inquire;

/// How many steps the long run has; `FLOW_ENGINE_LONG` gives another number.
fn steps() -> usize {
    let given = std::env::var("FLOW_ENGINE_LONG").ok();
    given.map_or(2_000, |steps| steps.parse().unwrap())
}

/// Rows of questions, each asked by a `map` in a branch of a `map`, and at the end one more.
#[flow]
async fn asks_in_branches(rows: usize, columns: usize) -> Result<usize> {
    let row = async |row: usize| {
        let columns = 0..columns;
        map(columns, 16, |column| inquire(format!("{row} {column}"))).await
    };
    let rows = map(0..rows, 4, row).await?;
    inquire("the last").await?;
    Ok(rows.iter().map(Vec::len).sum())
}

/// One after the other, each about the answer before; every tenth question is one that was asked before.
#[flow]
async fn asks_in_order(steps: usize) -> Result<String> {
    let mut answer = String::new();
    for number in 0..steps {
        answer = match number % 10 {
            9 => inquire("again").await?,
            _ => {
                inquire(
                    format!("{number} after {answer}")
                        .chars()
                        .take(40)
                        .collect::<String>(),
                )
                .await?
            }
        };
    }
    Ok(inquire("the last").await?)
}

/// Recorded values: all of them are equal calls, in order and in branches.
#[flow]
async fn draws(steps: usize) -> Result<u64> {
    let mut sum = 0_u64;
    for _ in 0..steps / 2 {
        sum = sum.wrapping_add(random().await?);
    }
    for drawn in map(0..steps / 2, 16, |_| async {
        Ok::<_, BoxError>(random().await?)
    })
    .await?
    {
        sum = sum.wrapping_add(drawn);
    }
    inquire(format!("{sum} is the last")).await?;
    Ok(sum)
}

async fn resumed_at_its_last_step<F>(flow: F, steps: usize)
where
    F: flow_engine::Flow<Output: Into<serde_json::Value>>,
{
    let name = F::definition().name();
    let mut held = Held::new().await;
    let began = Instant::now();
    held.model.hold_back_only("the last");
    let run = held.start(flow);
    held.asked("the last").await;
    println!(
        "{name}: {steps} steps executed in {:?}, {}",
        began.elapsed(),
        memory()
    );
    let id = run.id();
    held.stop(run).await;
    let before = held.model.counts();
    assert_eq!(before.answered, steps as u64);

    let began = Instant::now();
    let run = held.resume(id);
    held.asked("the last").await;
    println!(
        "{name}: resumed up to its last step in {:?}, {}",
        began.elapsed(),
        memory()
    );
    assert_eq!(
        held.sent().len(),
        steps + 2,
        "only what was in flight is asked again"
    );
    held.answer("the last").await;
    held.finished(run).await;
    assert_eq!(held.model.counts().answered, steps as u64 + 1);

    let began = Instant::now();
    held.engine.fork(id).execute().await.unwrap();
    println!("{name}: forked in {:?}, {}", began.elapsed(), memory());
    assert_eq!(held.sent().len(), steps + 2, "a fork asks nothing");
    Ledger::of(&held.engine, id).await.assert_sums();
}

/// The most that the process has used so far.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    peak.unwrap_or("no peak known").to_owned()
}

#[tokio::test]
async fn a_long_run_of_branches_is_resumed_without_asking_anything_twice() {
    let rows = steps() / 100;
    resumed_at_its_last_step(asks_in_branches(rows, 100_usize), rows * 100).await;
}

#[tokio::test]
async fn a_long_run_of_one_step_after_the_other_is_resumed_without_asking_anything_twice() {
    resumed_at_its_last_step(asks_in_order(steps()), steps()).await;
}

#[tokio::test]
async fn a_long_run_of_recorded_values_is_resumed_with_the_same_ones() {
    let mut held = Held::new().await;
    let began = Instant::now();
    let run = held.start(draws(steps()));
    held.until("the last step", |held| held.model.waiting() == 1)
        .await;
    println!(
        "draws: {} values in {:?}, {}",
        steps(),
        began.elapsed(),
        memory()
    );
    let began = Instant::now();
    let run = held.restarted(run).await;
    held.until("the last step", |held| held.model.waiting() == 1)
        .await;
    println!(
        "draws: resumed up to its last step in {:?}, {}",
        began.elapsed(),
        memory()
    );
    held.finished(run).await;
    let sent = held.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1], "the sum is the same");
}

#[flow]
async fn asks_five(name: String) -> Result<String> {
    let mut answer = name;
    for _ in 0..4 {
        answer = inquire(format!("after {answer}")).await?;
    }
    Ok(inquire(format!("{answer} the last")).await?)
}

#[tokio::test]
async fn many_interrupted_runs_are_all_completed_and_nothing_is_paid_twice() {
    const RUNS: usize = 1_000;
    let mut held = Held::new().await;
    held.model.hold_back_only("the last");
    let start = |number: usize| held.start(asks_five(format!("run {number}")));
    let runs: Vec<_> = (0..RUNS).map(start).collect();
    let asked = |held: &Held| held.model.waiting() == RUNS;
    held.until("the last step of all", asked).await;
    join_all(runs.into_iter().map(Started::cut)).await;
    held.reopened().await;
    let before = held.model.counts();
    assert_eq!(
        (before.answered, before.dropped),
        (4 * RUNS as u64, RUNS as u64)
    );

    held.model.hold_back(false);
    let began = Instant::now();
    let resumed = held.engine.resume_interrupted().await.unwrap();
    println!("{RUNS} runs resumed in {:?}", began.elapsed());
    assert_eq!(resumed.len(), RUNS);
    assert!(resumed.iter().all(|run| run.result.is_ok()));
    assert!(
        resumed.is_sorted_by_key(|run| run.run_id),
        "the oldest first"
    );
    let after = held.model.counts();
    assert_eq!(
        after.sent,
        before.sent + RUNS as u64,
        "only the last step of each"
    );
    assert!(held.engine.resume_interrupted().await.unwrap().is_empty());

    let completed = RunFilter {
        status: Some(RunStatus::Completed),
        limit: 10_000,
        ..RunFilter::default()
    };
    let completed = held.engine.runs(completed).await.unwrap();
    assert_eq!(completed.len(), RUNS);
    let ids: Vec<Uuid> = completed.iter().map(|run| run.id).collect();
    let engine = &held.engine;
    stream::iter(ids)
        .for_each_concurrent(8, async |id| {
            let ledger = Ledger::of(engine, id).await;
            ledger.assert_nothing_is_open();
            ledger.assert_sums();
            assert_eq!((ledger.count("inquire"), ledger.requests.len()), (5, 6));
        })
        .await;
}
