//! A run that is dropped anywhere leaves nothing open, also while the database cannot be written.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use flow_engine::prelude::*;
use flow_engine::{RunStatus, map, race, timeout};
use futures::FutureExt;

use crate::lab::{Lab, ask, note, refine};
use crate::sweep::{loses_nothing, loses_nothing_at_any_poll};

#[flow]
async fn a_part(item: String) -> Result<String> {
    Ok(refine(ask(item).await?).await?)
}

/// Sub-flows, branches, a limit and a race that end alike in every execution.
#[flow]
async fn of_everything() -> Result<usize> {
    let at = flow_engine::now().await?.to_rfc3339();
    let limit = Duration::from_hours(1);
    let items = ["a", "b"].map(String::from);
    let both = map(items, 2, |item| async move {
        let part = timeout(limit, a_part(item)).await??;
        note(part).await
    });
    let never = async {
        std::future::pending::<()>().await;
        Ok(String::new())
    };
    let (first, one) = race([never.boxed(), a_part(at).into_future()]).await?;
    assert_eq!(first, 1);
    Ok(both.await?.len() + one?.len().min(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_flow_of_everything_loses_nothing_wherever_it_is_interrupted() {
    loses_nothing(of_everything, 8, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_flow_of_everything_loses_nothing_at_any_poll() {
    loses_nothing_at_any_poll(of_everything, 8).await;
}

#[flow]
async fn two_questions() -> Result<String> {
    Ok(ask(ask("q".to_owned()).await?).await?)
}

/// Keeps the database from being written, as another program would.
fn locked(lab: &Lab) -> SqliteConnection {
    let mut database = SqliteConnection::establish(lab.path().to_str().unwrap()).unwrap();
    database
        .batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE")
        .unwrap();
    database
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_resume_dropped_before_the_database_could_be_written_leaves_nothing_open() {
    let lab = Lab::new().await;
    lab.model.hold(&["q #1"]);
    let id = lab.interrupted_at(two_questions(), 1, &["q #1"]).await;
    lab.model.hold(&[]);
    lab.assert_nothing_is_open().await;
    let mut other = locked(&lab);
    let waits = tokio::time::sleep(Duration::from_millis(300));
    tokio::select! {
        end = lab.resume(id) => panic!("it cannot have been written: {end:?}"),
        () = waits => {}
    }
    other.batch_execute("ROLLBACK").unwrap();
    lab.assert_nothing_is_open().await;
    assert_eq!(lab.run_row(id).await.status, RunStatus::Interrupted);
    lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked(), ["q", "q #1", "q #1"]);
    lab.assert_completed(id).await;
}

/// A limit that passes while the answer is being written.
#[flow]
async fn late_by_a_commit() -> Result<String> {
    let answer = match timeout(Duration::from_millis(300), ask("q".to_owned())).await {
        Ok(answer) => answer?,
        Err(_) => ask("q".to_owned()).await?,
    };
    let better = refine(answer).await?;
    ask("last".to_owned()).await?;
    Ok(better)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_that_was_written_after_its_limit_does_not_displace_the_one_that_was_used() {
    let lab = Lab::new().await;
    lab.model.hold(&["q", "last"]);
    let when = async {
        lab.model.was_asked(&["q"]).await;
        let mut other = locked(&lab);
        lab.model.hold(&["last"]);
        tokio::time::sleep(Duration::from_millis(600)).await;
        other.batch_execute("ROLLBACK").unwrap();
        lab.model.was_asked(&["last"]).await;
    };
    let id = lab.interrupted(late_by_a_commit(), when).await;
    assert_eq!(lab.model.asked(), ["q", "q", "[q #2]", "last"]);
    lab.model.hold(&[]);
    let done = lab.resume(id).await.unwrap();
    assert_eq!(lab.model.asked_since(4), ["last"]);
    assert_eq!(done.output_content, "[q #2] #3");
}
