//! Workers that are told to stop: what runs comes to its end, or is handed back.

use std::future::ready;
use std::time::Duration;

use chrono::Utc;
use flow_engine::RunStatus;
use flow_engine::prelude::*;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::queue::{completed, hold, other_engine, until, walks};
use crate::support::engine;

async fn queued(engine: &Engine, name: &str, runs: u32) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for _ in 0..runs {
        ids.push(engine.run(walks(name)).enqueue().await.unwrap());
    }
    ids
}

#[tokio::test]
async fn what_runs_comes_to_its_end_and_nothing_more_is_taken() {
    let engine = engine().await;
    hold("graceful 1", true);
    let ids = queued(&engine, "graceful", 5).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = engine.worker().concurrency(2);
    let works = worker.run_until(stopped, Duration::from_hours(1));
    let stops = async {
        for id in &ids[..2] {
            until(&engine, *id, |run| run.step_progress == 1).await;
        }
        stop.send(()).unwrap();
        // Time to take what it must not.
        tokio::time::sleep(Duration::from_millis(50)).await;
        hold("graceful 1", false);
    };
    let (summary, ()) = tokio::join!(works, stops);

    assert_eq!((summary.finished, summary.handed_back), (2, 0));
    for (place, id) in ids.iter().enumerate() {
        let row = engine.row(*id).await;
        let expected = if place < 2 {
            (RunStatus::Completed, 1)
        } else {
            (RunStatus::Pending, 0)
        };
        assert_eq!((row.status, row.lease_epoch), expected);
    }
}

#[tokio::test]
async fn what_is_not_done_when_the_grace_is_over_is_handed_back() {
    let engine = engine().await;
    hold("handed back 2", true);
    let ids = queued(&engine, "handed back", 3).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = engine.worker().concurrency(3);
    let works = worker.run_until(stopped, Duration::from_millis(30));
    let stops = async {
        for id in &ids {
            until(&engine, *id, |run| run.step_progress == 2).await;
        }
        stop.send(()).unwrap();
    };
    let (summary, ()) = tokio::join!(works, stops);

    assert_eq!((summary.finished, summary.handed_back), (0, 3));
    // As another process sees it: it is on disk.
    let other = other_engine(&engine).await;
    for id in &ids {
        let row = other.find_run(*id).await.unwrap().unwrap();
        assert_eq!(
            (row.status, row.lease_owner),
            (RunStatus::Interrupted, None)
        );
        assert_eq!((row.step_progress, row.current_step), (2, None));
    }
    hold("handed back 2", false);
    let worker = other.worker().run_until(
        async {
            for id in &ids {
                until(&other, *id, completed).await;
            }
        },
        Duration::from_hours(1),
    );
    assert_eq!(worker.await.finished, 3);
    for id in &ids {
        assert_eq!(engine.row(*id).await.lease_epoch, 2);
    }
}

/// It is told to stop while it asks for runs.
#[tokio::test]
async fn what_was_taken_and_not_begun_is_given_back() {
    // Also if its grace is over before it has its answer.
    for grace in [Duration::from_hours(1), Duration::ZERO] {
        taken_and_not_begun(grace).await;
    }
}

async fn taken_and_not_begun(grace: Duration) {
    let engine = engine().await;
    let ids = queued(&engine, "not begun", 3).await;
    let worker = engine.worker().run_until(ready(()), grace);
    let summary = worker.await;
    assert_eq!((summary.finished, summary.handed_back), (0, 0));
    for id in &ids {
        let row = engine.row(*id).await;
        assert_eq!((row.status, row.started_at), (RunStatus::Pending, None));
        assert_eq!(row.lease_epoch, 1, "it was taken");
        assert!(row.lease_until.unwrap() <= Utc::now());
    }
    let other = other_engine(&engine).await;
    let all = async {
        for id in &ids {
            until(&other, *id, completed).await;
        }
    };
    let worker = other.worker().run_until(all, Duration::ZERO).await;
    assert_eq!(worker.finished, 3);
}
