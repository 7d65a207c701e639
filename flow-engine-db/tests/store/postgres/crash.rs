//! A server that is killed, and one that ends connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use flow_engine_db::{RunStatus, StepStatus, Store, StoreError, connect};
use tokio::{task::JoinSet, time::sleep};
use uuid::Uuid;

use super::{Database, OwnServer};
use crate::conformance::{rows, tell::Tell as _};

const FLOWS: usize = 16;

/// Steps one after the other until it is told to stop. What was acknowledged is seen by the next read.
async fn flow(store: Arc<dyn Store>, ended: Arc<AtomicBool>) -> (Uuid, Vec<Uuid>) {
    let run = rows::started_run(&*store).await;
    let mut acknowledged = Vec::new();
    while !ended.load(Relaxed) {
        let step = rows::step(run, i32::try_from(acknowledged.len()).unwrap());
        let id = step.id;
        drop(store.tell(vec![step.into()]));
        store.tell(vec![rows::completed(id).into()]).await.unwrap();
        acknowledged.push(id);
        if acknowledged.len().is_multiple_of(50) {
            assert_eq!(store.steps(run).await.unwrap().len(), acknowledged.len());
        }
    }
    store
        .tell(vec![rows::ended(run, RunStatus::Completed).into()])
        .await
        .unwrap();
    (run, acknowledged)
}

async fn all_is_there(store: &dyn Store, flows: Vec<(Uuid, Vec<Uuid>)>) -> usize {
    let mut steps = 0;
    for (run, acknowledged) in flows {
        let there = store.steps(run).await.unwrap();
        assert!(
            there
                .iter()
                .all(|step| step.status == StepStatus::Completed)
        );
        let there: Vec<Uuid> = there.iter().map(|step| step.id).collect();
        assert_eq!(there, acknowledged);
        assert_eq!(rows::status_of(store, run).await, RunStatus::Completed);
        steps += acknowledged.len();
    }
    steps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_and_no_writer_gives_up() {
    let server = OwnServer::new(&[]);
    let url = server.start();
    let store = connect(&url).await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let mut flows = JoinSet::new();
    for _ in 0..FLOWS {
        flows.spawn(flow(store.clone(), ended.clone()));
    }
    for _ in 0..5 {
        sleep(Duration::from_millis(700)).await;
        // Blocks its thread; the flows go on.
        tokio::task::block_in_place(|| {
            server.kill();
            server.start();
        });
    }
    sleep(Duration::from_millis(700)).await;
    ended.store(true, Relaxed);
    let flows = flows.join_all().await;

    let steps = all_is_there(&*store, flows).await;

    assert!(steps > 10 * FLOWS, "only {steps} steps were written");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_server_ends_is_replaced() {
    let database = Database::new();
    let store = connect(&database.url()).await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let mut flows = JoinSet::new();
    for _ in 0..FLOWS {
        flows.spawn(flow(store.clone(), ended.clone()));
    }
    for _ in 0..10 {
        sleep(Duration::from_millis(100)).await;
        database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }
    ended.store(true, Relaxed);
    let flows = flows.join_all().await;
    assert!(all_is_there(&*store, flows).await > FLOWS);
}

/// A process that was stopped in the middle of a transaction holds locks until the server ends its session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_waits_for_locks_of_others() {
    let database = Database::new();
    let store = connect(&database.url()).await.unwrap();
    let run = rows::started_run(&*store).await;
    let held = std::thread::spawn({
        let url = database.url();
        // Longer than the server lets one statement wait for a lock.
        move || {
            super::administer(
                &url,
                "BEGIN; LOCK TABLE flow_engine.flow_runs; SELECT pg_sleep(12); COMMIT;",
            );
        }
    });
    sleep(Duration::from_millis(300)).await;
    let step = rows::step(run, 0);
    store.tell(vec![step.into()]).await.unwrap();
    assert!(held.is_finished());
    held.join().unwrap();
}

#[tokio::test]
async fn a_read_of_a_server_that_is_gone_fails_in_the_end() {
    let server = OwnServer::new(&[]);
    let store = connect(&server.start()).await.unwrap();
    let run = rows::started_run(&*store).await;
    assert!(store.run(run).await.unwrap().is_some());
    server.kill();
    let error = store.run(run).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    // And the next one has it, when it is back.
    server.start();
    assert!(store.run(run).await.unwrap().is_some());
    store.close().await;
}
