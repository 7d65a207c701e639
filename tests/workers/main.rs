//! Background runs and their workers: several processes on one database, which are killed and stopped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod effects;
mod ends;
mod flows;
#[path = "../databases/kinds.rs"]
mod kinds;
mod lab;
mod outages;
#[path = "../databases/own_server.rs"]
mod own_server;
mod priorities;
#[path = "../databases/process.rs"]
mod process;
mod refused;
#[path = "../databases/runs.rs"]
mod runs;
mod worker;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use flow_engine::RunStatus;
use flow_engine::prelude::*;
use kinds::{Kind, on_both};
use lab::Lab;
use tokio::time::sleep;
use worker::{start_telling, start_worker};

/// Until when all that was queued must be done, however often workers were killed.
const PATIENCE: Duration = Duration::from_mins(4);

on_both! {
    ends::each_run_completes_once_though_workers_are_killed_and_stopped,
    #[ignore = "it takes a minute or two"]
    ends::each_of_200_runs_completes_once_though_workers_are_killed_and_stopped_for_a_minute,
    ends::a_worker_that_is_dropped_leaves_its_runs_to_the_next,
    ends::a_run_that_ends_its_process_is_given_up_and_no_other_one,
    priorities::runs_start_by_priority_and_complete_once_though_workers_are_killed,
    effects::a_worker_leaves_an_effect_alone_whose_process_was_killed,
    effects::an_effect_is_decided_of_a_process_that_was_killed,
    effects::who_resumes_a_run_hears_of_an_effect_whose_process_was_killed,
    refused::what_cannot_be_kept_for_a_worker_is_not_queued,
}

/// Of one program, in which nobody else is there to take it.
#[tokio::test]
async fn what_a_dropped_worker_was_about_to_take_is_taken_by_the_next() {
    let lab = Lab::built(Kind::Sqlite, |builder| {
        builder.lease(Duration::from_secs(1))
    })
    .await;
    let ids = lab.queue(3).await;
    // It asks for runs, and is not there any more when they come.
    let asked = tokio::time::timeout(Duration::ZERO, lab.engine.worker().run()).await;
    assert!(asked.is_err());

    let all = tokio::time::timeout(Duration::from_secs(30), lab.completed(ids.len()));
    tokio::select! {
        () = lab.engine.worker().run() => {}
        all = all => all.expect("they are left"),
    }
    assert_eq!(lab.assert_each_completed_once(&ids).await, 6);
}

/// As after its process was stopped for longer than its lease: the worker has its turn before the lease is renewed.
#[tokio::test]
async fn a_run_that_is_executed_is_not_taken_again() {
    let lab = Lab::new(Kind::Sqlite).await;
    let ids = lab.queue(1).await;
    let path = lab.database.strip_prefix("sqlite://").unwrap();
    let mut database = SqliteConnection::establish(path).unwrap();
    let end = "PRAGMA busy_timeout = 10000; UPDATE flow_runs SET lease_until = 0";
    let worker = lab.engine.worker().poll_interval(Duration::from_millis(20));
    let meanwhile = async {
        while lab.count(RunStatus::Running).await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
        database.batch_execute(end).unwrap();
        lab.completed(1).await;
    };
    tokio::select! {
        () = worker.run() => {}
        () = meanwhile => {}
    }
    assert_eq!(lab.assert_each_completed_once(&ids).await, 1);
}

/// Whether the check of a weight panics.
static BROKEN: AtomicBool = AtomicBool::new(false);

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a check gets a reference to the value"
)]
fn sound(grams: &u32) -> Result<(), String> {
    assert!(!BROKEN.load(Ordering::Relaxed), "the scales are broken");
    if *grams == 0 {
        return Err("nothing is there".to_owned());
    }
    Ok(())
}

#[step]
async fn weigh(#[input(custom = sound)] grams: u32) -> u32 {
    grams
}

/// No worker takes it again and again.
#[tokio::test]
async fn a_run_whose_inputs_cannot_be_read_without_a_panic_is_failed() {
    let lab = Lab::new(Kind::Sqlite).await;
    let id = lab.engine.run(weigh(1_u32)).enqueue().await.unwrap();
    BROKEN.store(true, Ordering::Relaxed);
    let failed = async {
        while lab.count(RunStatus::Failed).await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let failed = tokio::time::timeout(Duration::from_secs(10), failed);
    tokio::select! {
        () = lab.engine.worker().run() => {}
        failed = failed => failed.expect("it is left"),
    }
    let run = lab.engine.find_run(id).await.unwrap().unwrap();
    let message = run.error_message.unwrap();
    assert_eq!(message, "panicked: the scales are broken");
}
