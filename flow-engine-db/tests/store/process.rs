//! This program again, as another process that uses the same database.

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
};

use flow_engine_db::{RunFilter, connect};

use crate::conformance::{rows, tell::Tell as _};

const URL: &str = "FLOW_ENGINE_DB_TEST_URL";
/// How many runs [`open_and_write`] writes.
pub(crate) const RUNS: usize = 20;

/// Runs one of the ignored tests below on the database at `url`.
pub(crate) fn child(test: &str, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(URL, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) async fn open_and_write(url: &str) {
    let store = connect(url).await.unwrap();
    for _ in 0..RUNS {
        store.tell(vec![rows::run().into()]).await.unwrap();
    }
    store.close().await;
}

pub(crate) async fn runs_in(url: &str) -> usize {
    let all = RunFilter {
        limit: u32::MAX,
        ..RunFilter::default()
    };
    connect(url).await.unwrap().runs(all).await.unwrap().len()
}

#[tokio::test]
#[ignore = "started by other tests, once for each process"]
async fn a_process_that_writes() {
    // Without a URL someone runs all ignored tests: there is nothing to do.
    if let Ok(url) = std::env::var(URL) {
        open_and_write(&url).await;
    }
}

#[tokio::test]
#[ignore = "started by other tests, and killed by them"]
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
