//! Several stores on one file, in one process and in several, and a process that is killed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
use flow_engine_db::{RunFilter, connect};
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::fresh;
use crate::conformance::{rows, tell::Tell as _};

const URL: &str = "FLOW_ENGINE_DB_TEST_URL";
const RUNS: usize = 20;

fn new_file() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("runs.db").display());
    (folder, url)
}

/// This program again, to run one of the ignored tests below on the database at `url`.
fn child(test: &str, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(URL, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn open_and_write(url: &str) {
    let store = connect(url).await.unwrap();
    for _ in 0..RUNS {
        store.tell(vec![rows::run().into()]).await.unwrap();
    }
    store.close().await;
}

async fn runs_in(url: &str) -> usize {
    let all = RunFilter {
        limit: u32::MAX,
        ..RunFilter::default()
    };
    connect(url).await.unwrap().runs(all).await.unwrap().len()
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
    for _round in 0..5 {
        let (_folder, url) = new_file();
        let writers = [(); 6].map(|()| child("sqlite::processes::a_process_that_writes", &url));
        for writer in writers {
            let output = writer.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        assert_eq!(runs_in(&url).await, 6 * RUNS);
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_killed_process() {
    let (_folder, url) = new_file();
    let mut writer = child("sqlite::processes::a_process_that_tells", &url);
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

#[tokio::test]
#[ignore = "started by the tests above, once for each process"]
async fn a_process_that_writes() {
    // Without a URL someone runs all ignored tests: there is nothing to do.
    if let Ok(url) = std::env::var(URL) {
        open_and_write(&url).await;
    }
}

#[tokio::test]
#[ignore = "started by the tests above, and killed by them"]
async fn a_process_that_tells() {
    let Ok(url) = std::env::var(URL) else { return };
    let store = connect(&url).await.unwrap();
    let mut stdout = std::io::stdout();
    // The test harness has begun a line of its own.
    writeln!(stdout).unwrap();
    loop {
        let run = rows::run();
        let id = run.id;
        store.tell(vec![run.into()]).await.unwrap();
        writeln!(stdout, "acknowledged {id}").unwrap();
    }
}
