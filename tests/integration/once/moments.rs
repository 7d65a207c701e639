//! Effects whose call or process ends at a bad moment.

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use diesel::prelude::*;
use diesel::{SqliteConnection, connection::SimpleConnection as _};
use flow_engine::prelude::*;
use flow_engine::{Resolution, RunStatus, StepStatus};
use serde_json::json;
use tokio::sync::Notify;

use super::world::*;
use crate::support::engine;

/// What holds the database's file, so that nothing is written.
static HELD: Mutex<Option<SqliteConnection>> = Mutex::new(None);
static GIVE_UP: LazyLock<Notify> = LazyLock::new(Notify::new);

/// Pays, and returns while nothing can be written.
#[step(once, key = "charge-{order}")]
async fn charge_and_hold(order: String, database: String) -> Result<Receipt> {
    let receipt = pay(&order, 500).await?;
    let mut other = SqliteConnection::establish(&database)?;
    other.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE")?;
    *HELD.lock().unwrap() = Some(other);
    tokio::spawn(async {
        // The step has returned by then, and its end waits to be written.
        tokio::time::sleep(Duration::from_millis(200)).await;
        GIVE_UP.notify_one();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(HELD.lock().unwrap().take());
    });
    Ok(receipt)
}

/// Whether the charge is waited for to its end.
#[flow]
async fn inconstant_shop(order: String, database: String) -> Result<bool> {
    tokio::select! {
        receipt = charge_and_hold(order, database).into_future() => Ok(receipt.map(|_| true)?),
        () = GIVE_UP.notified() => Ok(false),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_is_dropped_while_its_success_is_written_is_had() {
    let engine = engine().await;
    let order = order(&[]);
    let call = inconstant_shop(&*order, engine.database());
    let end = tokio::time::timeout(Duration::from_secs(20), engine.execute(call));
    let done = end.await.expect("it goes on for ever").unwrap();
    assert!(!done.output_content, "it was given up");
    assert_eq!(status(&engine, done.run_id).await, RunStatus::Completed);
    let [charge] = &rows(&engine, done.run_id).await[..] else {
        panic!("one effect was had");
    };
    assert_eq!(charge.status, StepStatus::Completed);
    assert_eq!(charge.outputs, Some(json!(receipt(1))));
}

/// Goes on without the charge, and never ends the first time.
#[flow]
async fn credulous_shop(order: String, packs: String) -> Result<Option<Receipt>> {
    let receipt = charge(order, 500).await.ok();
    pack(packs).await?;
    Ok(receipt)
}

#[tokio::test]
async fn a_failed_effect_of_a_run_whose_process_died_is_had_again_if_a_person_says_so() {
    let engine = engine().await;
    let (order, packs) = (order(&[Act::Refuses]), order(&[Act::Hangs]));
    let request = engine.run(credulous_shop(&*order, &*packs));
    let run = request.id();
    request.execute().await.unwrap_err();
    engine
        .resolve(run, key(&order), Resolution::Fail)
        .await
        .unwrap();
    let resumed = tokio::spawn(engine.resume(run));
    asked(&packs, 1).await;
    resumed.abort();
    resumed.await.unwrap_err();
    until(|| async { status(&engine, run).await == RunStatus::Interrupted }).await;
    // As it is when its process dies.
    let mut rows = SqliteConnection::establish(engine.database()).unwrap();
    let dies = "UPDATE flow_runs SET status = 'running', completed_at = NULL, lease_owner = 'gone', lease_until = 0";
    rows.batch_execute(dies).unwrap();

    engine
        .resolve(run, key(&order), Resolution::Retry)
        .await
        .unwrap();
    let done = engine.resume(run).await.unwrap();
    assert_eq!(done.output_content, json!(receipt(2)));
    assert_eq!(
        (amounts(&order), amounts(&packs)),
        (vec![500; 2], vec![7; 2])
    );
}
