//! Several stores on one file, in one process and in several, and a process that is killed.

use std::{
    io::{BufRead as _, BufReader},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
use flow_engine_db::{NewRun, StepStatus, connect};
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::fresh;
use crate::{
    conformance::{
        leases::{other, over, start},
        rows,
        tell::Tell as _,
    },
    process::{RUNS, child, open_and_write, runs_in},
};

fn new_file() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("runs.db").display());
    (folder, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_stores_of_one_process_open_a_new_file_at_once() {
    for _round in 0..10 {
        let (_folder, url) = new_file();
        let mut stores = JoinSet::new();
        for _ in 0..8 {
            let url = url.clone();
            stores.spawn(async move { open_and_write(&url).await });
        }
        stores.join_all().await;
        assert_eq!(runs_in(&url).await, 8 * RUNS);
    }
}

#[tokio::test]
async fn dropping_a_store_waits_until_its_queue_is_written() {
    let db = fresh().await;
    let mut other = SqliteConnection::establish(db.store.location()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let run = rows::run();
    let id = run.id;
    drop(db.store.tell(vec![run.into()]));
    let released = Arc::new(AtomicBool::new(false));
    let release = std::thread::spawn({
        let released = Arc::clone(&released);
        move || {
            std::thread::sleep(Duration::from_millis(300));
            released.store(true, Ordering::SeqCst);
            other.batch_execute("COMMIT").unwrap();
        }
    });

    drop(db.store);

    assert!(
        released.load(Ordering::SeqCst),
        "it did not wait for the lock"
    );
    release.join().unwrap();
    let written = connect(&db.url).await.unwrap().run(id).await.unwrap();
    assert!(written.is_some());
}

#[tokio::test]
async fn a_barrier_alone_waits_for_no_lock() {
    let db = fresh().await;
    let mut other = SqliteConnection::establish(db.store.location()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();

    let barrier = tokio::time::timeout(Duration::from_secs(5), db.store.barrier()).await;

    other.batch_execute("COMMIT").unwrap();
    barrier.expect("it began a transaction").unwrap();
}

#[tokio::test]
async fn many_processes_open_a_new_file_at_once() {
    for _round in 0..20 {
        let (_folder, url) = new_file();
        let writers = [(); 4].map(|()| child("process::a_process_that_writes", &url));
        for writer in writers {
            let output = writer.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        assert_eq!(runs_in(&url).await, 4 * RUNS);
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_killed_process() {
    let (_folder, url) = new_file();
    let mut writer = child("process::a_process_that_tells", &url);
    let mut acknowledged = Vec::new();
    for line in BufReader::new(writer.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(run) = line.strip_prefix("acknowledged ") {
            acknowledged.push(run.parse::<Uuid>().unwrap());
        }
        if acknowledged.len() == 200 {
            // What it tells until the kill arrives is read, too.
            writer.kill().unwrap();
        }
    }
    writer.wait().unwrap();

    let store = connect(&url).await.unwrap();
    assert!(acknowledged.len() >= 200);
    for run in acknowledged {
        assert!(store.run(run).await.unwrap().is_some(), "{run} is lost");
    }
}

/// Between the check of its lease and its commit a write excludes all others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_a_run_waits_for_a_write_that_began_before_and_finds_it() {
    let db = fresh().await;
    let run = NewRun {
        lease: Some(over(rows::term())),
        ..rows::run()
    };
    let run = start(&*db.store, run).await;
    let step = rows::step(run, 0);
    let ended = step.id;
    db.store.tell(vec![step.into()]).await.unwrap();
    // Another process writes, as its store would.
    let mut late = SqliteConnection::establish(db.store.location()).unwrap();
    late.batch_execute(
        "BEGIN IMMEDIATE; SELECT lease_epoch FROM flow_runs;
         UPDATE flow_step_runs SET status = 'completed', outputs = '1', completed_at = 1",
    )
    .unwrap();
    let acquiring = tokio::spawn({
        let store = db.store.clone();
        async move { (store.acquire(run, other()).await, store.journal(run).await) }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!acquiring.is_finished());

    late.batch_execute("COMMIT").unwrap();

    let (lease, journal) = acquiring.await.unwrap();
    assert_eq!(lease.unwrap().expect("its lease is over").epoch, 2);
    let journal = journal.unwrap();
    let step = &journal.steps[0];
    assert_eq!((step.id, step.status), (ended, StepStatus::Completed));
}
