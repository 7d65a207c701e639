//! Background runs, and who executes them.

use std::collections::{BTreeMap, HashSet};

use chrono::{TimeDelta, Utc};
use flow_engine_db::{
    BackgroundFilter, ExecutionMode, Lease, NewRun, RunReopen, RunStatus, Store, connect,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    Fresh,
    leases::{other, over, start},
    rows,
};

/// A run that waits for somebody to execute it.
pub(crate) fn queued() -> NewRun {
    NewRun {
        status: RunStatus::Pending,
        execution_mode: ExecutionMode::Background,
        started_at: None,
        lease: None,
        ..rows::run()
    }
}

/// A run whose process was silent for too long.
pub(super) fn abandoned(status: RunStatus) -> NewRun {
    NewRun {
        status,
        lease: Some(over(rows::term())),
        ..queued()
    }
}

pub(crate) fn wanted(limit: u32) -> BackgroundFilter {
    BackgroundFilter {
        flow_names: vec!["report".to_owned(), "article".to_owned()],
        concurrency: BTreeMap::new(),
        except: Vec::new(),
        limit,
    }
}

pub(crate) async fn taken(store: &dyn Store, wanted: BackgroundFilter) -> Vec<Uuid> {
    let leases = store.acquire_background(wanted, other()).await.unwrap();
    for lease in &leases {
        let run = store.run(lease.root_run_id).await.unwrap().unwrap();
        assert_eq!(run.lease_owner, Some(other().owner.to_string()));
        assert_eq!(run.lease_epoch, lease.epoch);
        let left = run.lease_until.unwrap() - Utc::now();
        assert!((TimeDelta::minutes(59)..TimeDelta::minutes(61)).contains(&left));
    }
    leases.iter().map(|lease| lease.root_run_id).collect()
}

pub(crate) async fn background_runs_come_by_priority_and_then_by_age(db: Fresh) {
    let store = &*db.store;
    let mut started = Vec::new();
    for priority in [0, 5, -1, 5, 0] {
        let run = NewRun {
            priority,
            ..queued()
        };
        started.push(start(store, run).await);
        let run = NewRun {
            priority,
            ..abandoned(RunStatus::Running)
        };
        started.push(start(store, run).await);
    }
    let expected = [2, 3, 6, 7, 0, 1, 8, 9, 4, 5].map(|place: usize| started[place]);

    assert_eq!(taken(store, wanted(0)).await, Vec::<Uuid>::new());
    assert_eq!(taken(store, wanted(3)).await, expected[..3]);
    assert_eq!(taken(store, wanted(100)).await, expected[3..]);
    assert_eq!(taken(store, wanted(100)).await, Vec::<Uuid>::new());
}

pub(crate) async fn only_background_runs_that_can_be_executed_are_taken(db: Fresh) {
    let store = &*db.store;
    let hour = TimeDelta::hours(1);
    // Somebody had taken it, and was silent before it had begun.
    let dropped = start(store, queued()).await;
    store.acquire(dropped, over(rows::term())).await.unwrap();
    // So was who asks.
    let own_dropped = start(store, queued()).await;
    store.acquire(own_dropped, over(other())).await.unwrap();
    let own = || NewRun {
        lease: Some(over(other())),
        ..abandoned(RunStatus::Running)
    };
    let come = NewRun {
        start_at: Some(Utc::now() - hour),
        flow_name: "report".to_owned(),
        ..queued()
    };
    let interrupted = || NewRun {
        status: RunStatus::Interrupted,
        ..queued()
    };
    let expected = [
        dropped,
        own_dropped,
        start(store, come).await,
        start(store, own()).await,
        start(store, abandoned(RunStatus::Running)).await,
        start(store, abandoned(RunStatus::Interrupted)).await,
        start(store, interrupted()).await,
    ];

    let later = NewRun {
        start_at: Some(Utc::now() + hour),
        ..queued()
    };
    let of_another_flow = NewRun {
        flow_name: "repor_".to_owned(),
        ..queued()
    };
    let somebody_waits = NewRun {
        execution_mode: ExecutionMode::Sync,
        ..abandoned(RunStatus::Running)
    };
    let executed = NewRun {
        lease: Some(rows::term()),
        ..abandoned(RunStatus::Running)
    };
    let below = NewRun {
        root_run_id: expected[0],
        parent_run_id: Some(expected[0]),
        ..queued()
    };
    for run in [later, of_another_flow, somebody_waits, executed, below] {
        start(store, run).await;
    }
    // These wait for a person.
    for status in [RunStatus::Paused, RunStatus::InDoubt] {
        start(store, abandoned(status)).await;
    }
    for status in [
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ] {
        start(store, abandoned(status)).await;
    }
    // Who asks still executes them.
    let executed = [
        start(store, own()).await,
        start(store, abandoned(RunStatus::Running)).await,
        start(store, queued()).await,
    ];
    // It waits for a signal.
    let asleep = NewRun {
        status: RunStatus::Waiting,
        ..queued()
    };
    start(store, asleep).await;
    // Taken, and not begun yet.
    let begins = start(store, queued()).await;
    store.acquire(begins, rows::term()).await.unwrap().unwrap();

    let nothing = BackgroundFilter {
        flow_names: Vec::new(),
        concurrency: BTreeMap::new(),
        except: Vec::new(),
        limit: 9,
    };
    assert_eq!(taken(store, nothing).await, Vec::<Uuid>::new());
    let others = BackgroundFilter {
        except: executed.to_vec(),
        ..wanted(100)
    };
    assert_eq!(taken(store, others).await, expected);
}

pub(crate) async fn a_background_run_that_was_taken_is_begun_under_its_lease(db: Fresh) {
    let store = &*db.store;
    let run = start(store, queued()).await;
    let leases = store.acquire_background(wanted(1), other()).await.unwrap();
    assert_eq!(leases, [Lease::first(run)]);
    let reopen = RunReopen {
        expected: Some(RunStatus::Pending),
        ..RunReopen::new(run)
    };
    store.submit(leases[0], vec![reopen.into()]).await.unwrap();
    assert_eq!(rows::status_of(store, run).await, RunStatus::Running);
}

/// Each task has a store of its own, as processes have.
pub(crate) async fn two_that_ask_for_background_runs_never_share_one(db: Fresh) {
    const RUNS: usize = 300;
    let store = &*db.store;
    let mut unit = Vec::new();
    for _ in 0..RUNS {
        unit.push(queued());
    }
    for run in unit {
        start(store, run).await;
    }
    let mut tasks = JoinSet::new();
    for task in 0..4 {
        let store = connect(&db.url).await.unwrap();
        tasks.spawn(async move {
            let term = flow_engine_db::LeaseTerm {
                owner: Uuid::from_u128(100 + task),
                ..rows::term()
            };
            let mut mine = Vec::new();
            loop {
                let leases = store.acquire_background(wanted(7), term).await.unwrap();
                if leases.is_empty() {
                    store.close().await;
                    return mine;
                }
                mine.extend(leases);
            }
        });
    }
    let all: Vec<Lease> = tasks.join_all().await.into_iter().flatten().collect();
    let runs: HashSet<Uuid> = all.iter().map(|lease| lease.root_run_id).collect();
    assert_eq!((all.len(), runs.len()), (RUNS, RUNS));
    assert!(all.iter().all(|lease| lease.epoch == 1));
}
