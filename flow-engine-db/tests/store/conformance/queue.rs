//! Keys that name one run, and flows of which only so many runs are executed at a time.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use chrono::Utc;
use flow_engine_db::{
    BackgroundFilter, Lease, LeaseTerm, NewRun, RunReopen, RunStatus, Store, StoreError, connect,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    Fresh,
    background::{abandoned, queued, taken, wanted},
    leases::{other, over, start},
    rows,
    tell::Tell as _,
};

fn with_key(flow: &str, key: &str) -> NewRun {
    NewRun {
        flow_name: flow.to_owned(),
        idempotency_key: Some(key.to_owned()),
        ..queued()
    }
}

fn key_taken(refused: Result<(), StoreError>) -> Uuid {
    match refused.unwrap_err() {
        StoreError::KeyTaken { run_id } => run_id,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_key_names_one_run_of_its_flow(db: Fresh) {
    let store = &*db.store;
    let first = with_key("article", "k");
    let id = start(store, first.clone()).await;
    // In one batch with what is right.
    let second = with_key("article", "k");
    let refused_id = second.id;
    let refused = store.tell(vec![second.into()]);
    let (other_key, other_flow) = (with_key("article", "l"), with_key("report", "k"));
    let others = [other_key.into(), other_flow.into(), queued().into()];
    let others = others.map(|run| store.tell(vec![run]));
    assert_eq!(key_taken(refused.await), id);
    for other in others {
        other.await.unwrap();
    }
    assert_eq!(store.run(refused_id).await.unwrap(), None);
    // Written a second time, it is itself.
    store.tell(vec![first.into()]).await.unwrap();
    // Whatever has become of it.
    let end = rows::ended(id, RunStatus::Completed);
    store.tell(vec![end.into()]).await.unwrap_err();
    let lease = store.acquire(id, other()).await.unwrap().unwrap();
    let end = rows::ended(id, RunStatus::Completed);
    store.submit(lease, vec![end.into()]).await.unwrap();
    let third = store.tell(vec![with_key("article", "k").into()]).await;
    assert_eq!(key_taken(third), id);

    assert!(store.delete_run(id).await.unwrap());
    start(store, with_key("article", "k")).await;
}

/// Each task has a store of its own, as processes have.
pub(crate) async fn of_those_that_bring_a_key_at_once_one_starts(db: Fresh) {
    const KEYS: usize = 20;
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let store = connect(&db.url).await.unwrap();
        tasks.spawn(async move {
            let mut runs = Vec::new();
            let mut commits = Vec::new();
            for key in 0..KEYS {
                // In another order, so that they meet.
                let key = (key * (2 * task + 1)) % KEYS;
                let run = with_key("article", &key.to_string());
                let id = run.id;
                commits.push((key, id, store.submit(Lease::first(id), vec![run.into()])));
            }
            for (key, id, commit) in commits {
                let (id, mine) = match commit.await {
                    Ok(()) => (id, true),
                    refused => (key_taken(refused), false),
                };
                runs.push((key, id, mine));
            }
            store.close().await;
            runs
        });
    }
    let all: Vec<(usize, Uuid, bool)> = tasks.join_all().await.into_iter().flatten().collect();
    let keys: HashSet<usize> = all.iter().map(|(key, ..)| *key).collect();
    for key in keys {
        let of_key = || all.iter().filter(|run| run.0 == key);
        let runs: HashSet<Uuid> = of_key().map(|run| run.1).collect();
        assert_eq!(runs.len(), 1, "{key}");
        assert_eq!(of_key().filter(|run| run.2).count(), 1, "{key}");
    }
}

const NONE: [Uuid; 0] = [];

fn report() -> NewRun {
    NewRun {
        flow_name: "report".to_owned(),
        ..queued()
    }
}

/// Of reports so many at a time.
fn limited(limit: u32, reports: u32) -> BackgroundFilter {
    BackgroundFilter {
        concurrency: BTreeMap::from([("report".to_owned(), reports)]),
        ..wanted(limit)
    }
}

async fn begun(store: &dyn Store, run: Uuid) -> Lease {
    let held = store.run(run).await.unwrap().unwrap();
    let lease = Lease {
        root_run_id: run,
        epoch: held.lease_epoch,
    };
    let reopen = RunReopen::new(run);
    store.submit(lease, vec![reopen.into()]).await.unwrap();
    lease
}

pub(crate) async fn no_more_runs_of_a_flow_are_taken_than_its_limit(db: Fresh) {
    let store = &*db.store;
    let mut reports = Vec::new();
    for _ in 0..5 {
        reports.push(start(store, report()).await);
    }
    let article = start(store, queued()).await;

    let first = taken(store, limited(100, 2)).await;
    assert_eq!(first, [reports[0], reports[1], article]);
    assert_eq!(taken(store, limited(100, 2)).await, NONE);
    // Whether they have begun or not.
    let lease = begun(store, reports[0]).await;
    assert_eq!(taken(store, limited(100, 2)).await, NONE);
    let end = rows::ended(reports[0], RunStatus::Completed);
    store.submit(lease, vec![end.into()]).await.unwrap();
    assert_eq!(taken(store, limited(100, 2)).await, [reports[2]]);
    // More room, of which only a part is asked for.
    assert_eq!(taken(store, limited(1, 4)).await, [reports[3]]);
    assert_eq!(taken(store, wanted(100)).await, [reports[4]]);
}

pub(crate) async fn a_limit_counts_what_is_executed(db: Fresh) {
    let store = &*db.store;
    let of_a_dead_process = NewRun {
        flow_name: "report".to_owned(),
        ..abandoned(RunStatus::Running)
    };
    let parked = NewRun {
        status: RunStatus::Waiting,
        ..report()
    };
    let somebody_waits = NewRun {
        flow_name: "report".to_owned(),
        ..rows::run()
    };
    start(store, parked).await;
    start(store, somebody_waits).await;
    let left = start(store, of_a_dead_process.clone()).await;
    let next = start(store, report()).await;
    // Its lease is over, but who asks still executes it.
    let except = BackgroundFilter {
        except: vec![left],
        ..limited(9, 1)
    };
    assert_eq!(taken(store, except).await, NONE);
    assert_eq!(taken(store, limited(9, 1)).await, [left]);
    assert_eq!(taken(store, limited(9, 1)).await, NONE);
    // Given back, it is the first again.
    let lease = begun(store, left).await;
    store.renew(vec![lease], over(other())).await.unwrap();
    assert_eq!(taken(store, limited(9, 2)).await, [left, next]);
}

pub(crate) async fn priority_goes_before_where_there_is_room(db: Fresh) {
    let store = &*db.store;
    let mut started = Vec::new();
    for (flow, priority) in [
        ("report", 1),
        ("article", 0),
        ("report", 9),
        ("article", 7),
        ("report", 8),
        ("article", 9),
    ] {
        let run = NewRun {
            flow_name: flow.to_owned(),
            priority,
            ..queued()
        };
        started.push(start(store, run).await);
    }
    let expected = [2, 5, 4, 3].map(|place: usize| started[place]);
    assert_eq!(taken(store, limited(4, 2)).await, expected);
    assert_eq!(taken(store, limited(4, 2)).await, [started[1]]);
    assert_eq!(taken(store, limited(4, 3)).await, [started[0]]);
}

/// Each task has a store of its own, as processes have.
pub(crate) async fn a_limit_holds_for_all_that_ask_at_once(db: Fresh) {
    let store = &*db.store;
    for _ in 0..40 {
        start(store, report()).await;
    }
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..4 {
        stores.push(connect(&db.url).await.unwrap());
    }
    for round in 1..=4 {
        let mut tasks = JoinSet::new();
        for (task, store) in (0..).zip(&stores) {
            let store = Arc::clone(store);
            let term = LeaseTerm {
                owner: Uuid::from_u128(100 + task),
                ..rows::term()
            };
            tasks.spawn(async move {
                let wanted = limited(7, 3 * round);
                store.acquire_background(wanted, term).await.unwrap()
            });
        }
        let all: Vec<Lease> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(all.len(), 3, "round {round}");
    }
    for store in stores {
        store.close().await;
    }
}

pub(crate) async fn who_takes_a_run_is_alive(db: Fresh) {
    let store = &*db.store;
    let [first, second] = [start(store, queued()).await, start(store, queued()).await];
    store.acquire(first, other()).await.unwrap().unwrap();
    assert_eq!(taken(store, wanted(9)).await, [second]);
    for run in [first, second] {
        let run = store.run(run).await.unwrap().unwrap();
        let age = Utc::now() - run.last_heartbeat.unwrap();
        assert!(age.num_seconds().abs() < 60, "{age}");
    }
}
