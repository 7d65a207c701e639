//! Where runs stand, for who waits for them.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use flow_engine_db::{ExecutionMode, NewRun, RunPark, RunStatus, Standing, Store};
use uuid::Uuid;

use super::{
    Fresh,
    background::{abandoned, queued, taken, wanted},
    leases::start,
    parking::{executed, parked},
    rows,
    tell::Tell as _,
};

async fn standing(store: &dyn Store, run: Uuid) -> Standing {
    let standings = store.standings(vec![run]).await.unwrap();
    assert_eq!(standings.runs.len(), 1);
    standings.runs[0]
}

async fn waiting(store: &dyn Store, wake_in_seconds: i64) -> Uuid {
    let run = executed(store).await;
    let park = RunPark {
        wake_at: Some(Utc::now() + TimeDelta::seconds(wake_in_seconds)),
        ..parked(run, RunStatus::Waiting)
    };
    store.tell(vec![park.into()]).await.unwrap();
    run
}

pub(crate) async fn where_a_run_stands_is_what_its_row_says(db: Fresh) {
    let store = &*db.store;
    let ended = executed(store).await;
    let end = rows::ended(ended, RunStatus::Failed);
    store.tell(vec![end.into()]).await.unwrap();
    for run in [
        start(store, queued()).await,
        executed(store).await,
        waiting(store, 60).await,
        ended,
    ] {
        let row = store.run(run).await.unwrap().unwrap();
        let found = standing(store, run).await;
        assert_eq!(
            (found.run_id, found.status, found.wake_at, found.lease_until),
            (run, row.status, row.wake_at, row.lease_until)
        );
    }
    let now = store.standings(Vec::new()).await.unwrap().now;
    assert!((now - Utc::now()).abs() < TimeDelta::minutes(1), "{now}");
}

pub(crate) async fn many_runs_are_asked_for_at_once(db: Fresh) {
    let store = &*db.store;
    let runs: Vec<NewRun> = (0..1_201).map(|_| queued()).collect();
    let ids: Vec<Uuid> = runs.iter().map(|run| run.id).collect();
    let started = runs.into_iter().map(|run| store.tell(vec![run.into()]));
    for commit in started.collect::<Vec<_>>() {
        commit.await.unwrap();
    }
    let asked: Vec<Uuid> = ids.iter().copied().chain([Uuid::now_v7()]).collect();
    let mut found: Vec<Uuid> = store
        .standings(asked)
        .await
        .unwrap()
        .runs
        .into_iter()
        .map(|run| run.run_id)
        .collect();
    found.sort();
    assert_eq!(found, ids, "one that is not there is left out");
}

/// What stands as due is what a worker would take.
pub(crate) async fn a_run_is_due_when_a_worker_would_take_it(db: Fresh) {
    let store = &*db.store;
    let interrupted = executed(store).await;
    let end = rows::ended(interrupted, RunStatus::Interrupted);
    let mut others = vec![end.into()];
    let mut runs = BTreeMap::from([
        ("interrupted", interrupted),
        ("executed", executed(store).await),
        ("wakes now", waiting(store, -1).await),
        ("wakes later", waiting(store, 60).await),
        (
            "lost while pending",
            start(store, abandoned(RunStatus::Pending)).await,
        ),
        (
            "lost while running",
            start(store, abandoned(RunStatus::Running)).await,
        ),
    ]);
    let taken_and_pending = NewRun {
        status: RunStatus::Pending,
        execution_mode: ExecutionMode::Background,
        ..rows::run()
    };
    runs.insert("about to begin", start(store, taken_and_pending).await);
    for (name, status) in [
        ("paused", RunStatus::Paused),
        ("in doubt", RunStatus::InDoubt),
    ] {
        let run = executed(store).await;
        others.push(parked(run, status).into());
        runs.insert(name, run);
    }
    for status in [
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ] {
        let run = executed(store).await;
        others.push(rows::ended(run, status).into());
        runs.insert(status.as_str(), run);
    }
    for write in others {
        store.tell(vec![write]).await.unwrap();
    }

    let standings = store
        .standings(runs.values().copied().collect())
        .await
        .unwrap();
    let due = standings
        .runs
        .iter()
        .filter(|run| run.is_due(standings.now));
    let due: Vec<Uuid> = due.map(|run| run.run_id).collect();
    let taken = taken(store, wanted(100)).await;
    for (name, run) in &runs {
        assert_eq!(due.contains(run), taken.contains(run), "{name}");
    }
    assert_eq!(due.len(), 4);
}
